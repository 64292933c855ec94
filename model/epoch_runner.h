// An epoch of training steps, and a pass of evaluation: what runs without waiting for the host.
// Invariant: every step is the same queued work (batch, gradients, update, counts), whether it is queued anew or, on
// CUDA, several of them are played back by one launch of a graph; both give the same bits. The host waits in counts()
// alone.
#pragma once

#include <optional>
#include <span>

#include "engine/graph.h"
#include "kernels/step_window.h"
#include "model/batches.h"
#include "model/training_step.h"

namespace karyon {

class EpochRunner {
 public:
  /// use_graph: on CUDA, play back; ignored on the CPU, while profiling and with KARYON_SYNC=1.
  EpochRunner(Context& context, TrainingStep& step, Batches& batches, bool use_graph);

  /// Begins epoch `epoch` (from 1), whose order and flips follow from `seed`, with a learning rate for each of its
  /// steps (Schedule::rates); or goes on with it behind `steps` steps, which had counted `counts`. The optimizer must
  /// stand where it stood when the epoch began.
  void begin(std::uint64_t seed, std::uint32_t epoch, std::span<const float> learning_rates, int steps = 0,
             const EpochCounts& counts = {});
  [[nodiscard]] bool done() const { return next_ == batches_.count(); }
  /// How many of the epoch's steps were queued.
  [[nodiscard]] int steps() const { return next_; }
  /// Queues the next step, or the next few; gives how many.
  int advance();
  /// What the steps of this epoch have counted so far. Waits for them.
  [[nodiscard]] EpochCounts counts() const;

 private:
  void queue_step(int images);
  [[nodiscard]] bool can_play_back() const;

  Context& context_;
  TrainingStep& step_;
  Batches& batches_;
  bool use_graph_;
  int steps_a_launch_;
  int next_ = 0;        // step of the epoch
  int full_steps_ = 0;  // steps of full size run without the graph: the first make plans, the second finds them
  Buffer counts_;
  std::optional<Graph> graph_;
};

/// What the network, which must be folded, counts over all batches in order, its loss measured by `loss`. Waits once,
/// at the end.
XentCounts evaluate(Context& context, UNet& unet, Batches& batches, const Loss& loss);

}  // namespace karyon
