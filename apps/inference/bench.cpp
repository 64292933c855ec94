#include "apps/inference/bench.h"

#include <chrono>
#include <numeric>
#include <optional>

#include "apps/cli/precision.h"
#include "apps/cli/step_timing.h"
#include "apps/models/model_file.h"
#include "engine/graph.h"
#include "engine/random.h"
#include "kernels/augment.h"
#include "kernels/copy.h"
#include "model/quantised_unet.h"
#include "model/resident_set.h"

namespace karyon {

namespace {

constexpr int kWarmUpSteps = 3;

/// ranges: the model's, if it has them.
std::unique_ptr<UNet> make_unet(Context& context, const InferOptions& options, int& h, int& w,
                                ActivationRanges& ranges) {
  if (!options.model.empty()) {
    const Checkpoint checkpoint = load_checkpoint(options.model);
    h = checkpoint.image_height;
    w = checkpoint.image_width;
    ranges = checkpoint.activation_ranges;
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
  ActivationRanges ranges;
  const auto unet = make_unet(context, options, h, w, ranges);
  std::vector<std::uint8_t> images(static_cast<std::size_t>(options.predict.batch_size) * static_cast<std::size_t>(h) *
                                   static_cast<std::size_t>(w) * 3);
  RandomStream random(options.seed, Purpose::bench);
  for (std::uint8_t& byte : images) byte = static_cast<std::uint8_t>(random.next_u32());
  const ResidentSet resident(context, images, {}, h, w);
  std::vector<std::int32_t> order(static_cast<std::size_t>(options.predict.batch_size));
  std::iota(order.begin(), order.end(), 0);
  const Buffer index(context, order.size() * sizeof(std::int32_t));
  Stream& stream = context.stream();
  upload(stream, index.as<void>(), order.data(), order.size() * sizeof(std::int32_t));
  const Tensor x =
      Tensor::empty(context, {options.predict.batch_size, h, w, 3}, storage_type(options.common.precision));
  const auto normalise = [&] {
    with_type(x.type(), [&]<class T>() {
      ON_DEVICE_AS((T), augment_images, stream, resident.images(), index.as<std::int32_t>(), nullptr, Normalisation(),
                   x.view<T>());
    });
  };
  std::unique_ptr<QuantisedUNet> quantised;
  if (options.common.precision == "int8") {
    if (ranges.empty()) {
      RangeMeter meter;
      normalise();
      unet->infer(x, meter.observer());
      ranges = meter.ranges();
    }
    quantised = std::make_unique<QuantisedUNet>(context, *unet, Normalisation(), ranges);
    images.push_back(0);  // one to read behind the last picture
  }
  const auto step = [&] {
    if (quantised) {
      quantised->infer(images.data(), options.predict.batch_size, h, w);
    } else {
      normalise();
      unet->infer(x);
    }
  };
  std::optional<Graph> graph;
  std::vector<double> seconds;
  for (int k = 0; k < kWarmUpSteps + options.bench_steps; ++k) {
    if (k == kWarmUpSteps) {
      context.profile().clear();
      if (stream.device().is_cuda() && !context.profile().enabled() && !stream.synchronous()) {
        graph.emplace(context, step);
      }
    }
    const auto start = std::chrono::steady_clock::now();
    if (graph) {
      graph->launch();
    } else {
      step();
    }
    stream.synchronize();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (k >= kWarmUpSteps) seconds.push_back(elapsed.count());
  }
  return step_timing_line(std::move(seconds), options.predict.batch_size);
}

}  // namespace karyon
