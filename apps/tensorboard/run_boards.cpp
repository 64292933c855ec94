#include "apps/tensorboard/run_boards.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <vector>

#include <apps/tensorboard/event.pb.h>

#include "apps/tensorboard/model_graph.h"
#include "apps/tensorboard/record.h"
#include "kernels/check.h"

namespace karyon {

namespace {

constexpr const char* kBatchLoss = "batch_loss";

/// The points of batch_loss in the folder's files with begin <= step < end; of several for a step, the last written.
std::map<std::int64_t, ScalarPoint> batches_between(const std::filesystem::path& folder, std::int64_t begin,
                                                    std::int64_t end) {
  std::map<std::int64_t, ScalarPoint> points;
  const auto take = [&](const std::string& data) {
    tensorboard::Event event;
    if (!event.ParseFromString(data) || event.step() < begin || event.step() >= end) return;
    for (const tensorboard::Summary::Value& value : event.summary().value()) {
      if (value.tag() != kBatchLoss) continue;
      points[event.step()] = {event.step(), value.simple_value(), event.wall_time()};
    }
  };
  for (const std::filesystem::path& file : event_files(folder)) for_each_record(file, take);
  return points;
}

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
  return fields;
}

/// By way of double, as a program that reads history.csv would.
float as_float(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  KARYON_CHECK(failed == std::errc() && end == text.data() + text.size(), "history.csv holds numbers: " + text);
  return static_cast<float>(value);
}

/// The number of four bytes in PNG's order, the highest first.
int big_endian(std::span<const std::uint8_t> bytes) {
  return static_cast<int>(bytes[0] << 24U | bytes[1] << 16U | bytes[2] << 8U | bytes[3]);
}

}  // namespace

TensorBoardLog::TensorBoardLog(const std::filesystem::path& folder, const WallClock& clock, int first_epoch,
                               std::int64_t first_batch)
    : train_(folder / "train", clock, first_epoch), validation_(folder / "validation", clock, first_epoch) {
  for (const auto& [step, point] : batches_between(folder / "train", first_epoch, first_batch)) {
    train_.scalar(kBatchLoss, point);
  }
}

void TensorBoardLog::epoch(const EpochResult& result) {
  std::istringstream text(history_csv({result}));
  std::string columns, row;
  std::getline(text, columns);
  std::getline(text, row);
  const std::vector<std::string> names = fields(columns), values = fields(row);
  KARYON_CHECK(names.size() == values.size() && names[0] == "epoch", "history.csv begins with the epoch");
  const std::string of_validation = "val_";
  for (std::size_t i = 1; i < names.size(); ++i) {
    const bool is_validation = names[i].starts_with(of_validation);
    const std::string tag = "epoch_" + names[i].substr(is_validation ? of_validation.size() : 0);
    (is_validation ? validation_ : train_).scalar(tag, result.epoch, as_float(values[i]));
  }
  flush();
}

void TensorBoardLog::batch(std::int64_t number, double loss) {
  train_.scalar(kBatchLoss, number, static_cast<float>(loss));
}

void TensorBoardLog::panel(const std::string& tag, int epoch, std::span<const std::uint8_t> png) {
  // Width and height are the first two numbers of the first chunk (PNG specification, 11.2.2).
  constexpr std::array<std::uint8_t, 8> signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  constexpr std::size_t width_at = 16, height_at = 20, end = 24;
  KARYON_CHECK(png.size() >= end && std::equal(signature.begin(), signature.end(), png.begin()),
               "a panel is the bytes of a PNG file");
  train_.image(tag, epoch, png, big_endian(png.subspan(width_at, 4)), big_endian(png.subspan(height_at, 4)));
}

void TensorBoardLog::histograms(int epoch, std::span<const NamedArray> arrays) {
  for (const NamedArray& array : arrays) train_.histogram(array.name, epoch, array.values);
}

void TensorBoardLog::graph(const ModelSummary& summary) { train_.graph(model_graph(summary)); }

void TensorBoardLog::text(const std::string& tag, int epoch, const std::string& markdown) {
  train_.text(tag, epoch, markdown);
}

void TensorBoardLog::flush() {
  train_.flush();
  validation_.flush();
}

}  // namespace karyon
