#include "apps/training/report.h"

#include <cstdio>
#include <sstream>

#include <nlohmann/json.hpp>

#include "apps/drawing/html_image.h"
#include "apps/drawing/text.h"
#include "engine/files.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1d2733; background: #f4f6f8; margin: 0; }
main { max-width: 1200px; margin: 0 auto; padding: 24px; }
section { background: #fff; border: 1px solid #dde3ea; border-radius: 8px; padding: 16px 24px; margin: 16px 0; }
h1 { font-size: 28px; margin: 8px 0; } h2 { font-size: 20px; margin: 4px 0 12px; }
img, svg { max-width: min(100%, 900px); height: auto; display: block; margin: 0 auto; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { text-align: right; padding: 3px 6px; border-bottom: 1px solid #e8edf2; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.facts td:first-child { white-space: nowrap; width: 1%; color: #5b6b7c; }
tr.best { background: #e8f4ec; font-weight: 600; }
.wide { overflow-x: auto; }
pre { font-size: 13px; overflow-x: auto; background: #f7f9fb; padding: 12px; border-radius: 6px; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; }
.card { background: #f7f9fb; border-radius: 6px; padding: 10px 16px; min-width: 120px; }
.card b { display: block; font-size: 22px; }
)";

std::string text_of_file(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

std::string picture_of(const std::filesystem::path& png, const std::string& description) {
  return image_tag(read_file(png), description);
}

/// An SVG file's element, without what stands before it.
std::string inline_svg(const std::filesystem::path& file) {
  const std::string text = text_of_file(file);
  const std::size_t begin = text.find("<svg");
  return begin == std::string::npos ? "" : text.substr(begin);
}

/// Lines of text as they stand.
std::string preformatted(const std::string& text) {
  std::istringstream lines(text);
  std::string content;
  for (std::string line; std::getline(lines, line);) content += escape_xml(line) + "\n";
  return "<pre>" + content + "</pre>\n";
}

std::string section(const std::string& title, const std::string& content) {
  return "<section>\n<h2>" + escape_xml(title) + "</h2>\n" + content + "</section>\n";
}

std::string number(double value, const char* format = "%.4f") {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string card(const std::string& name, const std::string& value) {
  return "<div class=\"card\"><b>" + escape_xml(value) + "</b>" + escape_xml(name) + "</div>\n";
}

std::string cards(const ReportParts& parts) {
  const EpochResult& best = parts.result.history[parts.result.best];
  return "<div class=\"cards\">\n" + card("validation accuracy", number(best.validation.accuracy)) +
         card("validation IoU", number(best.validation.iou)) + card("validation Dice", number(best.validation.dice)) +
         card("best epoch of " + std::to_string(parts.result.history.size()), std::to_string(best.epoch)) +
         (parts.result.tuning
              ? card("Dice at the pictures' own size", number(parts.result.tuning->scores.dice, "%.4f")) +
                    card("Data Science Bowl's score", number(parts.result.tuning->scores.nuclei.dsb, "%.4f"))
              : "") +
         card("pictures trained on", std::to_string(parts.split.train.size())) +
         card("for validation", std::to_string(parts.split.validation.size())) + "</div>\n";
}

std::string score_table(const TrainingResult& result) {
  std::istringstream csv(history_csv(result.history));
  std::string table = "<div class=\"wide\"><table>\n", row;
  for (std::size_t line = 0; std::getline(csv, row); ++line) {
    const char* cell = line == 0 ? "th" : "td";
    table += line == result.best + 1 ? "<tr class=\"best\">" : "<tr>";
    std::istringstream values(row);
    for (std::string value; std::getline(values, value, ',');) {
      const bool is_number = line > 0 && value.find('.') != std::string::npos;
      const std::string shown = is_number ? number(std::stod(value), "%.4g") : escape_xml(value);
      table.append("<").append(cell).append(">").append(shown).append("</").append(cell).append(">");
    }
    table += "</tr>\n";
  }
  return table + "</table></div>\n";
}

std::string environment_table(const std::filesystem::path& file) {
  const nlohmann::ordered_json facts = nlohmann::ordered_json::parse(text_of_file(file), nullptr, false);
  std::string table = "<table class=\"facts\">\n";
  for (const auto& [name, value] : facts.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    table += "<tr><td>" + escape_xml(name) + "</td><td>" + escape_xml(text) + "</td></tr>\n";
  }
  return table + "</table>\n";
}

std::string hash_table(const ReportParts& parts) {
  std::string table = "<table class=\"facts\">\n";
  for (const char* file : {"best.safetensors", "last.safetensors"}) {
    table += std::string("<tr><td>weights/") + file + "</td><td>" +
             sha256_hex(read_file(parts.folder / "weights" / file)) + "</td></tr>\n";
  }
  const std::string split = split_to_json(parts.split, parts.set);
  table += "<tr><td>split.json</td><td>" +
           sha256_hex({reinterpret_cast<const std::uint8_t*>(split.data()), split.size()}) + "</td></tr>\n";
  return table + "</table>\n";
}

}  // namespace

std::string report_html(const ReportParts& parts) {
  const std::filesystem::path samples = parts.folder / "samples";
  const std::string name = escape_xml(std::filesystem::absolute(parts.folder).lexically_normal().filename().string());
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Karyon: " +
         name + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<main>\n<h1>Training run " + name +
         "</h1>\n" + cards(parts) + section("How it went", inline_svg(parts.folder / "results.svg")) +
         section("Predictions of the best epoch", picture_of(samples / parts.best_picture, "Predictions")) +
         section("The worst validation images", picture_of(samples / "worst.png", "The worst validation images")) +
         section("Epochs", score_table(parts.result)) + section("Settings", preformatted(parts.options.config)) +
         section("Environment", environment_table(parts.folder / "env.json")) +
         section("The network", inline_svg(parts.folder / "model.svg") + preformatted(summary_text(parts.summary))) +
         section("SHA-256", hash_table(parts)) + "</main>\n</body>\n</html>\n";
}

}  // namespace karyon
