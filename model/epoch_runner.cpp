#include "model/epoch_runner.h"

#include "kernels/copy.h"

namespace karyon {

namespace {

constexpr int kMostStepsALaunch = 8, kLeastStepsALaunch = 4;
constexpr int kWarmUpSteps = 2;

/// As many steps a launch as leave the fewest over in an epoch of `full` steps of full size, which are then queued one
/// by one; 0 where an epoch has too few.
int choose_steps_a_launch(int full) {
  int best = 0;
  for (int steps = kMostStepsALaunch; steps >= kLeastStepsALaunch; --steps) {
    if (steps <= full && (best == 0 || full % steps < full % best)) best = steps;
  }
  return best;
}

void set(const Stream& stream, const Buffer& counts, const EpochCounts& value) {
  upload(stream, counts.as<void>(), &value, sizeof value);
}

EpochCounts read(const Stream& stream, const Buffer& counts) {
  EpochCounts result;
  download(stream, &result, counts.as<void>(), sizeof result);
  return result;
}

}  // namespace

EpochRunner::EpochRunner(Context& context, TrainingStep& step, Batches& batches, bool use_graph)
    : context_(context),
      step_(step),
      batches_(batches),
      use_graph_(use_graph && context.stream().device().is_cuda() && !context.stream().synchronous()),
      steps_a_launch_(choose_steps_a_launch(batches.full_batches())),
      counts_(context, sizeof(EpochCounts)) {}

void EpochRunner::begin(std::uint64_t seed, std::uint32_t epoch, std::span<const float> learning_rates, int steps,
                        const EpochCounts& counts) {
  batches_.begin_training(seed, epoch, step_.adam().take_rates(learning_rates), steps);
  set(context_.stream(), counts_, counts);
  next_ = steps;
}

void EpochRunner::queue_step(int images) {
  const Batches::Batch batch = batches_.next(images);
  step_.queue_gradients(batch.x, batch.labels);
  step_.queue_update(batch.rate);
  ON_DEVICE(count_step, context_.stream(), step_.counts(), counts_.as<EpochCounts>());
}

bool EpochRunner::can_play_back() const {
  return use_graph_ && !context_.profile().enabled() && full_steps_ >= kWarmUpSteps && steps_a_launch_ > 0 &&
         next_ + steps_a_launch_ <= batches_.full_batches();
}

int EpochRunner::advance() {
  if (!can_play_back()) {
    const int images = batches_.size(next_++);
    if (images == batches_.batch_size()) ++full_steps_;
    queue_step(images);
    return 1;
  }
  if (!graph_) {
    graph_.emplace(context_, [&] {
      for (int k = 0; k < steps_a_launch_; ++k) queue_step(batches_.batch_size());
    });
  }
  graph_->launch();
  step_.mark_changed();
  next_ += steps_a_launch_;
  return steps_a_launch_;
}

EpochCounts EpochRunner::counts() const { return read(context_.stream(), counts_); }

XentCounts evaluate(Context& context, UNet& unet, Batches& batches, const Loss& loss) {
  Stream& stream = context.stream();
  const Buffer total(context, sizeof(EpochCounts)), one(context, sizeof(XentCounts));
  set(stream, total, {});
  batches.begin_in_order();
  for (int k = 0; k < batches.count(); ++k) {
    const Batches::Batch batch = batches.next(batches.size(k));
    loss(context, unet.infer(batch.x), batch.labels, false, one.as<XentCounts>());
    ON_DEVICE(count_step, stream, one.as<XentCounts>(), total.as<EpochCounts>());
  }
  return read(stream, total).sum;
}

}  // namespace karyon
