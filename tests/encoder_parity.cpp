// encoder_parity [--device NAME] WEIGHTS TAPS: runs the encoder of WEIGHTS on the images in TAPS and compares every tap
// there. Exit 0 when each deviates by at most 1e-4 of its range, 1 when one does not, 65 for an unreadable file, 66 for
// none, 69 for a device that cannot be used, 2 for wrong usage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/check.h"
#include "tests/device_flag.h"
#include "tests/encoder_taps.h"
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

int run(std::vector<std::string> arguments) {
  const Device device = take_device(arguments);
  if (arguments.size() != 2) throw Error(Exit::usage, "usage: encoder_parity [--device NAME] WEIGHTS TAPS");
  const std::string &weights_path = arguments[0], &taps_path = arguments[1];
  const EncoderWeights weights = load_encoder_weights(weights_path);
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

  std::printf("%s: family %s, width %g, padding %s\n", weights_path.c_str(), weights.family.c_str(), weights.width,
              weights.padding.c_str());
  bool agrees = true;
  for (const auto& [name, values] : expected) agrees = compare(name, values, taps.at(name).to_vector()) && agrees;
  std::printf("%zu tensors compared, tolerance %g of the range: %s\n", expected.size(), kTolerance,
              agrees ? "equal" : "DIFFERENT");
  return agrees ? 0 : 1;
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
