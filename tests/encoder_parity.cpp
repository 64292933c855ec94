// encoder_parity [--device NAME] WEIGHTS TAPS: runs the encoder of WEIGHTS on the images in TAPS and compares every tap
// there.
// encoder_parity [--device NAME] WEIGHTS INPUT.npy LOGITS.npy: runs encoder and classifier on INPUT (NCHW or NHWC, fed
// as it is) and compares the logits, and the order of the five highest.
// Exit 0 when each deviates by at most 1e-4 of its range, 1 when one does not, 65 for an unreadable file, 66 for none,
// 69 for a device that cannot be used, 2 for wrong usage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "apps/models/model_file.h"
#include "kernels/check.h"
#include "tests/device_flag.h"
#include "tests/encoder_taps.h"
#include "weights/npy_file.h"
#include "weights/safetensors.h"

namespace karyon {
namespace {

constexpr double kTolerance = 1e-4;  // of the range
constexpr int kThreads = 2;

/// Prints how far a tap deviates; whether that is within the tolerance.
bool compare(const std::string& name, const std::vector<float>& expected, const std::vector<float>& ours) {
  double worst = 0, low = static_cast<double>(expected[0]), high = low;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]), deviation = std::abs(e - static_cast<double>(ours[i]));
    worst = deviation <= worst ? worst : deviation;  // a NaN stays
    low = std::min(low, e);
    high = std::max(high, e);
  }
  const bool fits = worst <= kTolerance * (high - low);
  std::printf("%-24s worst %.3g, range %.4g, %.2g of it: %s\n", name.c_str(), worst, high - low, worst / (high - low),
              fits ? "ok" : "DEVIATES");
  return fits;
}

void print_weights(const EncoderWeights& weights, const std::string& path) {
  std::printf("%s: %s, family %s, width %g, padding %s, batch norm %s\n", path.c_str(), weights.container.c_str(),
              weights.family.c_str(), weights.width, weights.padding.c_str(), weights.batch_norm.c_str());
}

/// Where an exporter folded batch norm into the kernels, the last projection before its batch norm cannot be had.
/// (TF-slim's folded file is its own reference: its taps were taken from it.)
bool is_lost(const std::string& tap, const EncoderWeights& weights) {
  return tap == "block_16_project" && weights.container == "onnx" && weights.batch_norm == "folded";
}

int compare_taps(Device device, const EncoderWeights& weights, const std::string& weights_path,
                 const std::string& taps_path) {
  const SafetensorsFile file(std::filesystem::path{taps_path});
  const ArchiveEntry* images = file.find("images_uint8_nhwc");
  if (images == nullptr || images->type != ArchiveType::u8 || images->shape.size() != 4 || images->shape[3] != 3 ||
      images->count() == 0) {
    throw Error(Exit::bad_data, taps_path + ": expected images_uint8_nhwc, uint8 of shape [n, h, w, 3]");
  }
  Context context(device, kThreads);
  const std::map<std::string, Tensor> taps =
      encoder_taps(context, weights, weights_path, file.read(images->name), static_cast<int>(images->shape[0]),
                   static_cast<int>(images->shape[1]), static_cast<int>(images->shape[2]));

  std::map<std::string, std::vector<float>> expected;
  for (const ArchiveEntry& entry : file.entries()) {
    if (entry.name == images->name) continue;
    if (is_lost(entry.name, weights)) {
      std::printf("%-24s left out: batch norm was folded into it\n", entry.name.c_str());
      continue;
    }
    const auto ours = taps.find(entry.name);
    if (ours == taps.end()) throw Error(Exit::bad_data, taps_path + ": unknown tap " + entry.name);
    const std::vector<std::int64_t> shape(ours->second.shape().begin(), ours->second.shape().end());
    if (entry.shape != shape) {
      throw Error(Exit::bad_data,
                  taps_path + ": " + entry.name + " is " + shape_text(entry.shape) + ", expected " + shape_text(shape));
    }
    expected[entry.name] = file.read_floats(entry.name);
  }
  if (expected.empty()) throw Error(Exit::bad_data, taps_path + ": no taps to compare");

  print_weights(weights, weights_path);
  bool agrees = true;
  for (const auto& [name, values] : expected) agrees = compare(name, values, taps.at(name).to_vector()) && agrees;
  std::printf("%zu tensors compared, tolerance %g of the range: %s\n", expected.size(), kTolerance,
              agrees ? "equal" : "DIFFERENT");
  return agrees ? 0 : 1;
}

/// NHWC from what may be NCHW; the three channels tell.
NpyArray as_nhwc(NpyArray input, const std::string& path) {
  const std::vector<std::int64_t> shape = input.shape;
  if (shape.size() != 4 || input.values.empty() || (shape[1] != 3 && shape[3] != 3)) {
    throw Error(Exit::bad_data, path + " is " + shape_text(shape) + ", expected [n, 3, h, w] or [n, h, w, 3]");
  }
  if (shape[3] == 3) return input;
  const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  NpyArray result{{shape[0], shape[2], shape[3], 3}, {}};
  result.values.resize(input.values.size());
  for (std::size_t i = 0; i < result.values.size(); ++i) {
    const std::size_t image = i / (3 * pixels), pixel = i / 3 % pixels, channel = i % 3;
    result.values[i] = input.values[(image * 3 + channel) * pixels + pixel];
  }
  return result;
}

/// The classes with the highest logits, best first.
std::vector<std::size_t> top_classes(const float* logits, std::size_t classes) {
  std::vector<std::size_t> order(classes);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t count = std::min<std::size_t>(5, classes);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [logits](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  order.resize(count);
  return order;
}

int compare_logits(Device device, const EncoderWeights& weights, const std::string& weights_path,
                   const std::string& input_path, const std::string& logits_path) {
  const NpyArray input = as_nhwc(read_npy(input_path), input_path), expected = read_npy(logits_path);
  Context context(device, kThreads);
  const std::unique_ptr<MobileNetV2> network = make_classifier(context, weights, weights_path);
  const std::vector<std::int64_t> wanted{input.shape[0], weights.classes};
  if (expected.shape != wanted) {
    throw Error(Exit::bad_data, logits_path + " is " + shape_text(expected.shape) + ", expected " + shape_text(wanted));
  }
  Shape shape;
  for (const std::int64_t extent : input.shape) shape.push_back(static_cast<int>(extent));
  const std::vector<float> ours =
      network->infer_logits(context, Tensor::from(context, shape, input.values)).to_vector();

  print_weights(weights, weights_path);
  bool agrees = compare("logits", expected.values, ours);
  const auto classes = static_cast<std::size_t>(weights.classes);
  for (std::size_t image = 0; image < ours.size(); image += classes) {
    const std::vector<std::size_t> top = top_classes(ours.data() + image, classes);
    const bool same = top == top_classes(expected.values.data() + image, classes);
    std::printf("the %zu highest:", top.size());
    for (const std::size_t c : top) std::printf(" %zu", c);
    std::printf(": %s\n", same ? "the same" : "DIFFERENT");
    agrees = agrees && same;
  }
  return agrees ? 0 : 1;
}

int run(std::vector<std::string> arguments) {
  const Device device = take_device(arguments);
  if (arguments.size() != 2 && arguments.size() != 3) {
    throw Error(Exit::usage, "usage: encoder_parity [--device NAME] WEIGHTS (TAPS | INPUT.npy LOGITS.npy)");
  }
  const EncoderWeights weights = load_encoder_weights(arguments[0]);
  if (arguments.size() == 2) return compare_taps(device, weights, arguments[0], arguments[1]);
  return compare_logits(device, weights, arguments[0], arguments[1], arguments[2]);
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    return karyon::run({argv + 1, argv + argc});
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "encoder_parity: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
