#include "apps/training/bench.h"

#include <chrono>

#include "apps/cli/step_timing.h"
#include "apps/data/training_set.h"
#include "apps/training/batches.h"
#include "engine/random.h"
#include "model/training_step.h"

namespace karyon {

namespace {

constexpr int kWarmUpSteps = 3;

TrainingSet random_set(const TrainOptions& options) {
  TrainingSet set =
      make_training_set(static_cast<std::size_t>(options.batch_size), options.image_size, options.image_size);
  RandomStream random(options.seed, Purpose::bench);
  for (std::uint8_t& byte : set.images) byte = static_cast<std::uint8_t>(random.next_u32());
  for (std::uint8_t& label : set.labels) label = static_cast<std::uint8_t>(random.below(2));
  return set;
}

}  // namespace

std::string bench_training(Context& context, TrainingModel& model, const TrainOptions& options) {
  const TrainingSet set = random_set(options);
  std::vector<std::int32_t> all(static_cast<std::size_t>(options.batch_size));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int32_t>(i);
  AdamSettings settings;
  settings.learning_rate = static_cast<float>(options.learning_rate);
  TrainingStep step(context, *model.unet, settings);
  Batches batches(context, set, all, options.batch_size, model.description.normalisation);
  std::vector<double> seconds;
  for (int k = 0; k < kWarmUpSteps + options.bench_steps; ++k) {
    if (k == kWarmUpSteps) context.profile().clear();
    const auto start = std::chrono::steady_clock::now();
    const Tensor x = batches.images(0);
    step.compute_gradients(x, batches.labels(0));
    step.update();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (k >= kWarmUpSteps) seconds.push_back(elapsed.count());
  }
  return step_timing_line(std::move(seconds), options.batch_size);
}

}  // namespace karyon
