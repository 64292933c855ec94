#include "apps/training/bench.h"

#include <chrono>

#include "apps/cli/precision.h"
#include "apps/cli/step_timing.h"
#include "apps/data/training_set.h"
#include "engine/random.h"
#include "model/epoch_runner.h"

namespace karyon {

namespace {

constexpr int kWarmUpSamples = 3;
constexpr int kStepsASample = 8;

TrainingSet random_set(const TrainOptions& options) {
  TrainingSet set =
      make_training_set(static_cast<std::size_t>(options.batch_size), options.image_size, options.image_size);
  RandomStream random(options.seed, Purpose::bench);
  for (std::uint8_t& byte : set.images) byte = static_cast<std::uint8_t>(random.next_u32());
  for (std::uint8_t& label : set.labels)
    label = static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(options.classes)));
  return set;
}

}  // namespace

std::string bench_training(Context& context, TrainingModel& model, const TrainOptions& options) {
  const TrainingSet set = random_set(options);
  const ResidentSet resident(context, set.images, set.labels, set.height, set.width);
  // An epoch is a sample: one step on the CPU; on CUDA as many as one launch of a graph takes.
  const int steps = context.stream().device().is_cuda() ? kStepsASample : 1;
  std::vector<std::int32_t> images;
  for (int k = 0; k < steps * options.batch_size; ++k) images.push_back(k % options.batch_size);
  AdamSettings settings;
  settings.learning_rate = static_cast<float>(options.learning_rate);
  TrainingStep step(context, *model.unet, settings);
  Batches batches(context, resident, images, options.batch_size, model.description.normalisation,
                  storage_type(options.common.precision));
  EpochRunner runner(context, step, batches, options.cuda_graph);
  const std::vector<float> rates(static_cast<std::size_t>(steps), settings.learning_rate);
  std::vector<double> seconds;
  const int samples = kWarmUpSamples + (options.bench_steps + steps - 1) / steps;
  for (int k = 0; k < samples; ++k) {
    if (k == kWarmUpSamples) context.profile().clear();
    const auto start = std::chrono::steady_clock::now();
    runner.begin(options.seed, static_cast<std::uint32_t>(k), rates);
    while (!runner.done()) runner.advance();
    context.stream().synchronize();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (k >= kWarmUpSamples) seconds.push_back(elapsed.count() / steps);
  }
  return step_timing_line(std::move(seconds), options.batch_size);
}

}  // namespace karyon
