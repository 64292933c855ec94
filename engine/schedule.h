// Learning rates by step: constant, cosine, one-cycle, or reduced on a plateau; a linear warm-up in front.
// Invariant: a rate is a function of the settings, the step and, for the plateau, a state of three numbers; so a
// resumed run takes the rates that the whole run would have taken.
//   warm-up of W steps (Goyal et al. 2017): step s < W takes (s + 1) / W of the rate that follows it. One-cycle has its
//   own.
//   cosine (Loshchilov and Hutter 2017; PyTorch's CosineAnnealingLR, Keras's CosineDecay), over the N - W steps behind:
//   lowest + (base - lowest) (1 + cos(pi (s - W) / (N - W))) / 2
//   one_cycle (Smith 2018; PyTorch's OneCycleLR, two phases): by half a cosine from base / 25 to base in the first 30%
//   of the steps and down to base / 25 / 1e4 in the last. Adam's beta1 is not cycled.
//   plateau (Keras's ReduceLROnPlateau, cooldown 0): when `patience` validations in a row were not better than the best
//   by min_delta, the rate is multiplied by factor, to no less than lowest.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace karyon {

enum class ScheduleKind : std::uint8_t { constant, cosine, one_cycle, plateau };

struct ScheduleSettings {
  ScheduleKind kind = ScheduleKind::constant;
  double base = 1e-3;              // the highest rate
  std::int64_t total_steps = 0;    // N; of cosine and one_cycle, whose last rate stays from there on
  std::int64_t warm_up_steps = 0;  // W, fewer than N; none with one_cycle
  double lowest = 0;               // of cosine and plateau
  double factor = 0.1;             // of plateau: 0 < factor < 1
  int patience = 10;               // of plateau: validations
  double min_delta = 1e-4;         // of plateau
};

/// What a plateau has seen: saved and restored with a run.
struct PlateauState {
  double rate = 0;                                        // the present one
  double best = std::numeric_limits<double>::infinity();  // the lowest loss
  int wait = 0;                                           // validations since
  bool operator==(const PlateauState&) const = default;
};

class Schedule {
 public:
  explicit Schedule(const ScheduleSettings& settings);

  /// The learning rate of the update that `step` others came before.
  [[nodiscard]] float rate(std::int64_t step) const;
  /// Of `count` updates from `first` on: for Adam::take_rates.
  [[nodiscard]] std::vector<float> rates(std::int64_t first, int count) const;

  /// Tells the loss of a validation; only a plateau listens. Whether the rate was reduced.
  bool observe(double loss);
  [[nodiscard]] const PlateauState& state() const { return plateau_; }
  void restore(const PlateauState& state) { plateau_ = state; }

 private:
  ScheduleSettings settings_;
  PlateauState plateau_;
};

}  // namespace karyon
