#include "apps/cli/config_file.h"

#include <algorithm>
#include <sstream>

#include <toml++/toml.h>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/numbers.h"

namespace karyon {

namespace {

constexpr std::uint64_t kLargestConfig = std::uint64_t{1} << 20;

[[noreturn]] void refuse(const std::string& source, unsigned line, const std::string& why) {
  throw Error(Exit::bad_config, source + ":" + std::to_string(line) + ": " + why);
}

bool is_number(const toml::node& node) { return node.is_integer() || node.is_floating_point(); }

std::string word_of(const toml::node& number) {
  if (const auto* whole = number.as_integer()) return std::to_string(whole->get());
  return number_text(number.as_floating_point()->get());
}

ConfigValue value_of(const std::string& key, const toml::node& node, const std::string& source) {
  ConfigValue value{key, ConfigKind::text, {}, node.source().begin.line};
  if (const auto* text = node.as_string()) {
    value.words = {text->get()};
  } else if (const auto* toggle = node.as_boolean()) {
    value.kind = ConfigKind::toggle;
    value.words = {toggle->get() ? "true" : "false"};
  } else if (is_number(node)) {
    value.kind = ConfigKind::number;
    value.words = {word_of(node)};
  } else if (const auto* list = node.as_array(); list != nullptr && std::ranges::all_of(*list, is_number)) {
    value.kind = ConfigKind::numbers;
    for (const toml::node& number : *list) value.words.push_back(word_of(number));
  } else if (node.is_table()) {
    refuse(source, value.line, "[" + key + "]: there are no sections here, only flags by name");
  } else {
    refuse(source, value.line, "'" + key + "' is neither text, number, true or false, nor a list of numbers");
  }
  return value;
}

}  // namespace

std::vector<ConfigValue> read_config(const std::filesystem::path& path) {
  const std::string source = path.string();
  const std::vector<std::uint8_t> bytes = read_file(path, kLargestConfig);
  std::vector<ConfigValue> values;
  try {
    const toml::table table =
        toml::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), source);
    for (const auto& [key, node] : table) {
      std::string name(key.str());
      std::ranges::replace(name, '_', '-');
      values.push_back(value_of(name, node, source));
    }
  } catch (const toml::parse_error& error) {
    refuse(source, error.source().begin.line, std::string(error.description()));
  }
  std::ranges::sort(values, {}, &ConfigValue::line);
  for (std::size_t i = 0; i < values.size(); ++i) {  // "a-b" and "a_b" are two keys for TOML
    const auto twin = std::find_if(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(i),
                                   [&](const ConfigValue& earlier) { return earlier.key == values[i].key; });
    if (twin != values.begin() + static_cast<std::ptrdiff_t>(i)) {
      refuse(source, values[i].line, "'" + values[i].key + "' stands in line " + std::to_string(twin->line) + " too");
    }
  }
  return values;
}

std::string toml_text(const std::string& text) {
  std::ostringstream out;
  out << toml::value<std::string>(text);
  return out.str();
}

}  // namespace karyon
