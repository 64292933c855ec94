// Invariant: defaults are those of transformers' MobileNetV2Config, so a field that is left out means what it means
// there.
#include "weights/hugging_face_config.h"

#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::uint64_t kLargestConfig = std::uint64_t{16} << 20;  // it lists the classes by name

/// The field's value; `standard` where the file is silent. Error bad_data for another type.
template <typename Value>
Value field(const nlohmann::json& config, const char* name, Value standard, const std::string& source) {
  try {
    return config.contains(name) ? config.at(name).get<Value>() : standard;
  } catch (const nlohmann::json::exception&) {
    throw Error(Exit::bad_data, source + ": '" + name + "' has the wrong type");
  }
}

void expect(bool holds, const std::string& source, const std::string& message) {
  if (!holds) throw Error(Exit::bad_data, source + ": " + message + "; the weights beside it are of another network");
}

}  // namespace

void heed_hugging_face_config(const std::filesystem::path& path, EncoderWeights& weights) {
  if (!std::filesystem::exists(path)) return;
  const std::string source = path.string();
  const std::vector<std::uint8_t> bytes = read_file(path, kLargestConfig);
  const nlohmann::json config = nlohmann::json::parse(bytes, nullptr, false);
  if (!config.is_object()) throw Error(Exit::bad_data, source + ": not a JSON object");
  if (field<std::string>(config, "model_type", "mobilenet_v2", source) != "mobilenet_v2") return;
  expect(field<std::string>(config, "hidden_act", "relu6", source) == "relu6", source, "hidden_act is not relu6");
  expect(field(config, "output_stride", 32, source) == 32, source, "output_stride is not 32");
  expect(field(config, "expand_ratio", 6.0, source) == 6.0, source, "expand_ratio is not 6");
  expect(field(config, "first_layer_is_expansion", true, source), source, "first_layer_is_expansion is false");
  weights.padding = field(config, "tf_padding", true, source) ? "same" : "symmetric";
  const double epsilon = field(config, "layer_norm_eps", 0.001, source);
  expect(epsilon > 0 && epsilon < 1, source, "layer_norm_eps is not between 0 and 1");
  if (weights.batch_norm == "separate") weights.batch_norm_epsilon = epsilon;
}

}  // namespace karyon
