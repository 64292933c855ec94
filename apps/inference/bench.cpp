#include "apps/inference/bench.h"

#include <chrono>
#include <numeric>

#include "apps/cli/step_timing.h"
#include "apps/models/model_file.h"
#include "engine/random.h"
#include "kernels/augment.h"
#include "model/unet.h"

namespace karyon {

namespace {

constexpr int kWarmUpSteps = 3;

std::unique_ptr<UNet> make_unet(Context& context, const InferOptions& options, int& h, int& w) {
  if (!options.model.empty()) {
    const Checkpoint checkpoint = load_checkpoint(options.model);
    h = checkpoint.image_height;
    w = checkpoint.image_width;
    return load_unet(context, checkpoint, options.model);
  }
  auto unet = std::make_unique<UNet>(context, UNetOptions());
  unet->initialize(options.seed);
  unet->fold();
  h = w = options.image_size;
  return unet;
}

}  // namespace

std::string bench_inference(Context& context, const InferOptions& options) {
  int h = 0, w = 0;
  const auto unet = make_unet(context, options, h, w);
  std::vector<std::uint8_t> images(static_cast<std::size_t>(options.batch_size) * static_cast<std::size_t>(h) *
                                   static_cast<std::size_t>(w) * 3);
  RandomStream random(options.seed, Purpose::bench);
  for (std::uint8_t& byte : images) byte = static_cast<std::uint8_t>(random.next_u32());
  std::vector<std::int32_t> order(static_cast<std::size_t>(options.batch_size));
  std::iota(order.begin(), order.end(), 0);
  const Tensor x = Tensor::empty(context, {options.batch_size, h, w, 3});
  std::vector<double> seconds;
  for (int k = 0; k < kWarmUpSteps + options.bench_steps; ++k) {
    if (k == kWarmUpSteps) context.profile().clear();
    const auto start = std::chrono::steady_clock::now();
    ON_DEVICE(augment_images, context.stream(), images.data(), order.data(), nullptr, Normalisation(), x.view());
    unet->infer(x);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (k >= kWarmUpSteps) seconds.push_back(elapsed.count());
  }
  return step_timing_line(std::move(seconds), options.batch_size);
}

}  // namespace karyon
