// encoder_parity WEIGHTS TAPS: runs the encoder of WEIGHTS on the images in TAPS and compares every tap there.
// Exit 0 when each deviates by at most 1e-4 of its range, 1 when one does not, 65 for an unreadable file.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>

#include "apps/models/model_file.h"
#include "kernels/augment.h"
#include "kernels/batch_norm.h"
#include "kernels/check.h"
#include "weights/safetensors.h"

namespace karyon {
namespace {

constexpr double kTolerance = 1e-4;  // of the range

const NamedArray& array(const EncoderWeights& weights, const std::string& name) {
  const auto found =
      std::find_if(weights.tensors.begin(), weights.tensors.end(), [&](const NamedArray& a) { return a.name == name; });
  if (found == weights.tensors.end()) throw Error(Exit::bad_data, "the weights hold no " + name);
  return *found;
}

/// What Keras's layer block_16_project_BN gives for the tap before it.
Tensor project_norm(Context& context, const EncoderWeights& weights, const Tensor& tap) {
  const Tensor y = Tensor::empty(context, tap.shape());
  const auto part = [&](const char* name) {
    return array(weights, std::string("block_16_project_BN/") + name).values.data();
  };
  ON_DEVICE(batch_norm_inference, context.stream(), tap.view(), part("gamma"), part("beta"), part("moving_mean"),
            part("moving_variance"), static_cast<float>(weights.batch_norm_epsilon), Activation::none, y.view());
  return y;
}

int compare(const std::string& weights_path, const std::string& taps_path) {
  const EncoderWeights weights = load_encoder_weights(weights_path);
  const SafetensorsFile file(std::filesystem::path{taps_path});
  const ArchiveEntry* images = file.find("images_uint8_nhwc");
  if (images == nullptr || images->type != ElementType::u8 || images->shape.size() != 4 || images->shape[3] != 3) {
    throw Error(Exit::bad_data, taps_path + ": expected images_uint8_nhwc, uint8 of shape [n, h, w, 3]");
  }
  const std::vector<std::uint8_t> bytes = file.read(images->name);
  const int n = static_cast<int>(images->shape[0]), h = static_cast<int>(images->shape[1]),
            w = static_cast<int>(images->shape[2]);
  Context context({}, 2);
  EncoderOptions options;
  options.width = weights.width;
  options.padding = padding_rule(weights.padding, weights_path);
  options.epsilon = static_cast<float>(weights.batch_norm_epsilon);
  MobileNetV2 encoder(context, "encoder", options);
  assign_encoder(encoder, weights, weights_path);
  encoder.fold(context);
  const Tensor x = Tensor::empty(context, {n, h, w, 3});
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  ON_DEVICE(augment_images, context.stream(), bytes.data(), order.data(), nullptr, weights.normalisation, x.view());
  const MobileNetV2::Taps taps = encoder.infer(context, x);
  std::map<std::string, Tensor> results;
  for (std::size_t i = 0; i < taps.size(); ++i) results.emplace(kTapNames[i], taps[i]);
  results.emplace("block_16_project_BN", project_norm(context, weights, taps[kTaps - 1]));

  std::printf("family: %s, width %g, padding %s\n", weights.family.c_str(), weights.width, weights.padding.c_str());
  int compared = 0;
  bool agrees = true;
  for (const ArchiveEntry& entry : file.entries()) {
    if (entry.name == images->name) continue;
    const auto found = results.find(entry.name);
    if (found == results.end()) throw Error(Exit::bad_data, taps_path + ": unknown tap " + entry.name);
    const std::vector<float> expected = file.read_floats(entry.name), got = found->second.to_vector();
    const Shape& shape = found->second.shape();
    if (entry.shape != std::vector<std::int64_t>(shape.begin(), shape.end())) {
      throw Error(Exit::bad_data, taps_path + ": " + entry.name + " has another shape than " + shape_text(shape));
    }
    double worst = 0, low = expected[0], high = expected[0];
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double e = static_cast<double>(expected[i]), deviation = std::abs(e - static_cast<double>(got[i]));
      worst = deviation <= worst ? worst : deviation;  // a NaN stays
      low = std::min(low, e);
      high = std::max(high, e);
    }
    const double relative = worst / std::max(high - low, 1e-30);
    const bool fits = relative <= kTolerance;
    agrees = agrees && fits;
    ++compared;
    std::printf("%-24s worst %.3g of range %.4g: %.3g %s\n", entry.name.c_str(), worst, high - low, relative,
                fits ? "ok" : "DEVIATES");
  }
  std::printf("%d taps compared, tolerance %g of the range: %s\n", compared, kTolerance,
              agrees ? "equal" : "DIFFERENT");
  return agrees && compared > 0 ? 0 : 1;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: encoder_parity WEIGHTS TAPS\n");
    return 2;
  }
  try {
    return karyon::compare(argv[1], argv[2]);
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "encoder_parity: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
