// What of the difference between two correct computations rounding explains.
// Training amplifies rounding: a pre-activation that rounds to the other side of ReLU6's kink changes a whole channel's
// gradient, and Adam turns the sign of a gradient that is nearly zero into a full step. How far, depends on the file,
// so it is measured: the replay is run again and again with rounding-sized noise. Invariant: the file's values decide
// only about a few numbers for all tensors together (which run is closest, a coefficient a run, one scale), so a single
// value that was moved stands out against its own tolerance.
#pragma once

#include <vector>

#include "tests/keras_reference.h"

namespace karyon {

/// A tensor as the runs explain it.
struct Explained {
  std::vector<float> values;  // the closest run and a combination of how the others differ from it; logits of step 1:
                              // the run without noise
  std::vector<float> spread;  // how far the runs lie apart, by element, and not less than the tensor's rms
};

/// The runs that belong together: those of step 1 (logits, gradients), or what came after it.
class RoundingModel {
 public:
  /// At least one run, the first without noise. Tensors are those of `expected` whose name `belongs`; the runs hold all
  /// of them, in equal shapes.
  RoundingModel(const Results& expected, const std::vector<Results>& runs, bool (*belongs)(const std::string& name));

  /// Share of the spread that is left unexplained, as a ratio of root mean squares; 0 for a single run.
  [[nodiscard]] double unexplained() const { return unexplained_; }
  [[nodiscard]] Explained explain(const std::string& name) const;

 private:
  /// difference[j][i] = (run j - base run)[i] for the other runs.
  [[nodiscard]] std::vector<std::vector<double>> differences(const std::string& name) const;
  void fit_coefficients();
  void measure();

  const Results& expected_;
  const std::vector<Results>& runs_;
  std::vector<std::string> names_;  // of the tensors that the fit uses
  std::size_t base_ = 0;
  std::vector<double> coefficients_;  // one for each other run, in order
  double unexplained_ = 0;
};

/// max - min; NaN when a value is not finite.
double value_range(const std::vector<float>& values);
double l2_norm(const std::vector<float>& values);
/// Values this small are rounding noise as a whole (the gradient of a shift that the next batch norm removes).
bool is_noise(const std::string& name, const std::vector<float>& values);
/// Mean over the tensors that belong of the mean deviation in units of the range, each element counting 1% at most.
double misfit(const Results& expected, const Results& run, bool (*belongs)(const std::string& name));

}  // namespace karyon
