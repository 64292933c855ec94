// Invariant: config.json is bounded in size and depth before a tree of it is built.
#include "weights/keras_zip.h"

#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "engine/zip_file.h"
#include "kernels/check.h"
#include "weights/hdf5.h"
#include "weights/keras_hdf5.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

using Json = nlohmann::json;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.weights.h5";
constexpr std::uint64_t kLargestConfig = std::uint64_t{16} << 20;
constexpr int kMostLevels = 100;  // each level costs memory many times its one byte of text

/// What one class of layers must have set, and to what.
struct Setting {
  const char* class_name;
  const char* key;
  double value;
};
constexpr std::array<Setting, 2> kSettings{{{"BatchNormalization", "epsilon", 1e-3}, {"ReLU", "max_value", 6}}};

/// The member of an object; nothing when there is none, or no object.
const Json* member(const Json& value, const char* key) {
  if (!value.is_object() || !value.contains(key)) return nullptr;
  return &value.at(key);
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

/// One line when `layer` is of a class in kSettings and its setting is another.
void check_layer(const Json& layer, std::vector<std::string>& differences) {
  const Json* config = member(layer, "config");
  if (config == nullptr) return;
  const std::string class_name = text_of(member(layer, "class_name"));
  for (const Setting& setting : kSettings) {
    if (class_name != setting.class_name) continue;
    const Json* value = member(*config, setting.key);
    // Files carry decimal numbers, so a relative difference far below any that matters is allowed.
    const bool is_right = value != nullptr && value->is_number() &&
                          std::abs(value->get<double>() - setting.value) <= 1e-6 * setting.value;
    if (is_right) continue;
    differences.push_back(class_name + " " + printable(text_of(member(*config, "name"))) + " has " + setting.key + " " +
                          (value == nullptr ? "unset" : value->dump(-1, ' ', true).substr(0, 40)) + ", expected " +
                          Json(setting.value).dump());
  }
}

void check_config(const Json& config, const std::string& source) {
  std::vector<const Json*> pending{&config};
  std::vector<std::string> differences;
  while (!pending.empty()) {
    const Json& value = *pending.back();
    pending.pop_back();
    check_layer(value, differences);
    if (!value.is_structured()) continue;
    // The last goes first, so that layers are met in the model's order.
    for (auto child = value.rbegin(); child != value.rend(); ++child) pending.push_back(&*child);
  }
  if (differences.empty()) return;
  std::string message = source + ": config.json is not of Keras's MobileNetV2:";
  for (const std::string& difference : differences) message += "\n  " + difference;
  throw Error(Exit::bad_data, message);
}

/// The entry is there and of a size that may be unpacked into memory.
void check_entry(const ZipFile& zip, const std::string& name, std::uint64_t limit, const std::string& source) {
  const ZipFile::Entry* entry = zip.find(name);
  if (entry == nullptr) throw Error(Exit::bad_data, source + ": a zip without " + name + ", so no file of Keras");
  if (entry->size > limit) {
    throw Error(Exit::bad_data, source + ": " + name + " has " + std::to_string(entry->size) +
                                    " bytes, expected at most " + std::to_string(limit >> 20) + " MB");
  }
}

Json parse_config(const ZipFile& zip, const std::string& source) {
  const auto check_depth = [&](int depth, Json::parse_event_t event, Json& /*value*/) {
    const bool is_level = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (!is_level || depth < kMostLevels) return true;
    throw Error(Exit::bad_data, source + ": config.json is nested more than " + std::to_string(kMostLevels) + " deep");
  };
  try {
    return Json::parse(zip.read(kConfig), check_depth);
  } catch (const Json::exception& error) {
    throw Error(Exit::bad_data, source + ": config.json is not valid JSON; " + printable(error.what()));
  }
}

}  // namespace

std::unique_ptr<Archive> read_keras_zip(std::vector<std::uint8_t> bytes, const std::string& source) {
  const ZipFile zip(std::move(bytes), source);
  check_entry(zip, kConfig, kLargestConfig, source);
  check_entry(zip, kWeights, kLargestHdf5File, source);
  check_config(parse_config(zip, source), source);
  return read_keras_hdf5(zip.read(kWeights), source + ": " + kWeights, "keras");
}

}  // namespace karyon
