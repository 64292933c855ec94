// device_parity [--device NAME] ENCODER: the whole network at its full size, with the encoder's weights from a file, on
// a device and on the CPU: training-mode logits, then inference logits with the statistics that this step moved.
// Exit 0 when both deviate by at most 1e-4 of their range, 1 when one does not, else as the other parity programs.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/models/model_file.h"
#include "engine/random.h"
#include "kernels/copy.h"
#include "model/training_step.h"
#include "tests/device_flag.h"

namespace karyon {
namespace {

constexpr double kTolerance = 1e-4;  // of the range
constexpr int kBatch = 4, kSide = 128;

struct Logits {
  std::vector<float> training, inference;
};

std::vector<float> random_images() {
  RandomStream random(1, Purpose::bench);
  std::vector<float> values(std::size_t{kBatch} * kSide * kSide * 3);
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

std::vector<std::uint8_t> random_labels() {
  RandomStream random(2, Purpose::bench);
  std::vector<std::uint8_t> values(std::size_t{kBatch} * kSide * kSide);
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(random.below(2));
  return values;
}

Logits compute(Device device, int threads, const EncoderWeights& weights, const std::string& source) {
  Context context(device, threads);
  UNetOptions options;
  options.encoder.width = weights.width;
  options.encoder.padding = padding_rule(weights.padding, source);
  options.encoder.epsilon = static_cast<float>(weights.batch_norm_epsilon);
  UNet unet(context, options);
  unet.initialize(1);
  assign_encoder(unet.encoder(), weights, source);
  unet.encoder().set_frozen(true);
  TrainingStep step(context, unet, {});

  const Tensor x = Tensor::from(context, {kBatch, kSide, kSide, 3}, random_images());
  const std::vector<std::uint8_t> labels = random_labels();
  const Buffer labels_there(context, labels.size());
  upload(context.stream(), labels_there.as<void>(), labels.data(), labels.size());
  Tensor training;
  step.compute_gradients(x, labels_there.as<std::uint8_t>(), &training);
  Logits logits;
  logits.training = training.to_vector();
  unet.fold();
  logits.inference = unet.infer(x).to_vector();
  return logits;
}

bool compare(const char* name, const std::vector<float>& expected, const std::vector<float>& found) {
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  const double range = static_cast<double>(*high) - static_cast<double>(*low);
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double deviation = std::abs(static_cast<double>(expected[i]) - static_cast<double>(found[i]));
    worst = deviation <= worst ? worst : deviation;  // a NaN stays
  }
  const bool fits = worst <= kTolerance * range;
  std::printf("%-16s worst %.3g, range %.4g, %.2g of it: %s\n", name, worst, range, worst / range,
              fits ? "ok" : "DEVIATES");
  return fits;
}

int run(std::vector<std::string> arguments) {
  const Device device = take_device(arguments);
  if (arguments.size() != 1) throw Error(Exit::usage, "usage: device_parity [--device NAME] ENCODER");
  const EncoderWeights weights = load_encoder_weights(arguments[0]);
  const Logits expected = compute({}, 2, weights, arguments[0]), found = compute(device, 1, weights, arguments[0]);
  const bool training = compare("training logits", expected.training, found.training);
  const bool inference = compare("inference logits", expected.inference, found.inference);
  std::printf("%s beside the CPU: %s\n", device.text().c_str(), training && inference ? "equal" : "DIFFERENT");
  return training && inference ? 0 : 1;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    return karyon::run({argv + 1, argv + argc});
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "device_parity: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
