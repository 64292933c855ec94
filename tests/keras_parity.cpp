// keras_parity [--device NAME] FILE: repeats in Karyon the training steps that Keras took, and compares all that FILE
// holds of them. Exit 0 when every value agrees, 1 when one does not, 65 for an unreadable file, 66 for none, 69 for a
// device that cannot be used, 2 for wrong usage.
//
// A value agrees within 0.8% of its tensor's range, so that a single one moved by 1% stands out; more is granted only
// where rounding alone moves Karyon's own results as far (rounding_model.h), and never more than the tolerance that is
// stated for its kind. The first update takes the file's gradients, after these are compared, so that the later steps
// start where Keras's did; what Karyon gives all on its own is printed beside it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "kernels/check.h"
#include "tests/device_flag.h"
#include "tests/keras_replay.h"
#include "tests/rounding_model.h"

namespace karyon {
namespace {

constexpr double kBaseTolerance = 0.008;  // of the range
constexpr double kTailFactor = 16;        // from the root mean square of what is unexplained to its worst case
constexpr double kMaxSpreads = 4;         // as often as the runs' spread
constexpr double kHopelessSpreads = 64;   // beyond these more runs are not worth it
constexpr double kNoiseSpreads = 8;       // the same for tensors that are nothing but noise
constexpr double kGradientL2 = 5e-2;      // of the norm, where all batch norm trains
constexpr double kAccuracyPixels = 2;
constexpr std::size_t kRunsBetweenChecks = 8;
constexpr std::size_t kMaxValues = 100'000'000;  // held by all runs together
constexpr double kNone = std::numeric_limits<double>::infinity();

struct Tolerance {
  double absolute;   // stated
  double of_change;  // L2 of a tensor's deviations as a share of what training changed in it: sees what is small
                     // beside the range
};
struct Kind {
  const char* name;
  Tolerance frozen, finetuned;
};
enum KindIndex : std::size_t { logits, gradients, losses, accuracies, weights, statistics, eval_logits };
constexpr std::array<Kind, 7> kKinds{{{"logits", {1e-4, kNone}, {1e-4, kNone}},
                                      {"gradients", {1e-4, kNone}, {kNone, kNone}},
                                      {"losses", {1e-5, kNone}, {2e-4, kNone}},
                                      {"accuracies", {kNone, kNone}, {kNone, kNone}},
                                      {"weights", {1e-3, 0.05}, {1e-2, 0.4}},
                                      {"moving statistics", {1e-3, 0.05}, {1e-2, 0.09}},
                                      {"evaluation logits", {1e-3, kNone}, {1e-2, kNone}}}};

KindIndex kind_of(const std::string& name) {
  if (name == "step1/logits") return logits;
  if (name.starts_with("step1/grad/")) return gradients;
  if (name == "losses") return losses;
  if (name == "accuracies") return accuracies;
  if (name == "after5/eval_logits") return eval_logits;
  return name.find("/moving_") != std::string::npos ? statistics : weights;
}

bool in_step1(const std::string& name) { return name.starts_with("step1/"); }
bool after_step1(const std::string& name) { return !in_step1(name); }

void check_names(const KerasReference& r, const Results& ours) {
  std::string differences;
  for (const auto& [name, tensor] : ours) {
    const auto found = r.expected.find(name);
    if (found == r.expected.end()) {
      differences += "\n  missing " + name;
    } else if (found->second.shape != tensor.shape) {
      differences +=
          "\n  " + name + " is " + shape_text(found->second.shape) + ", expected " + shape_text(tensor.shape);
    }
  }
  for (const auto& [name, tensor] : r.expected) {
    if (!ours.contains(name)) differences += "\n  unexpected " + name;
  }
  if (!differences.empty()) throw Error(Exit::bad_data, r.source + ": not what such training gives:" + differences);
}

struct Deviation {
  std::string tensor;
  double absolute = 0;   // of the value that uses most of its tolerance
  double of_range = 0;   // the same, as a share of the tensor's range
  double tolerance = 0;  // used: above 1 the tensor deviates
};

double difference(float a, float b) { return std::abs(static_cast<double>(a) - static_cast<double>(b)); }

/// L2 norm of what training changed in a weight or statistic. Infinite where the gradient is nothing but noise, so that
/// Adam walks at random.
double training_change(const KerasReference& r, const std::string& name) {
  const std::string path = name.substr(name.find('/') + 1);
  const auto gradient = r.expected.find("step1/grad/" + path);
  if (gradient != r.expected.end() && is_noise(gradient->first, gradient->second.values)) return kNone;
  const auto init =
      std::find_if(r.init.begin(), r.init.end(), [&](const NamedArray& a) { return a.name == "init/" + path; });
  std::vector<float> change = r.expected.at(name).values;
  for (std::size_t i = 0; i < change.size(); ++i) change[i] -= init->values[i];
  return l2_norm(change);
}

/// `spreads`: how many times the runs' spread counts as agreement.
Deviation compare(const KerasReference& r, const std::string& name, const Explained& ours, double spreads) {
  const std::vector<float>& expected = r.expected.at(name).values;
  const KindIndex kind = kind_of(name);
  const double range = value_range(expected);
  const Tolerance& stated = r.finetuned ? kKinds[kind].finetuned : kKinds[kind].frozen;
  Deviation worst{name, 0, 0, -1};
  double squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    double tolerance = std::max(kBaseTolerance * range, spreads * static_cast<double>(ours.spread[i]));
    if (kind == accuracies) tolerance = std::max(tolerance, kAccuracyPixels / static_cast<double>(r.pixels()));
    tolerance = range > 0 ? std::min(stated.absolute, tolerance) : stated.absolute;
    const double deviation = difference(expected[i], ours.values[i]);
    squares += deviation * deviation;
    const double used = deviation == 0 ? 0 : deviation / tolerance;
    if (used <= worst.tolerance) continue;
    worst = {name, deviation, range > 0 ? deviation / range : 0, used};
    if (!std::isfinite(deviation)) worst.tolerance = kNone;
  }
  if (kind == gradients && r.finetuned && !is_noise(name, expected)) {
    worst.tolerance = std::max(worst.tolerance, std::sqrt(squares) / (kGradientL2 * l2_norm(expected)));
  }
  if (std::isfinite(stated.of_change) && squares > 0) {
    worst.tolerance = std::max(worst.tolerance, std::sqrt(squares) / (stated.of_change * training_change(r, name)));
  }
  return worst;
}

bool agree(const std::vector<Deviation>& deviations) {
  return std::all_of(deviations.begin(), deviations.end(), [](const Deviation& d) { return d.tolerance <= 1; });
}

/// What belongs together: computed by the same steps, and moved by noise on one of them.
struct Part {
  bool (*belongs)(const std::string& name);
  std::size_t noisy_step;  // from 0; rounding of later steps differs with what this one brings
  std::size_t max_runs;
};

std::vector<Deviation> compare_part(const KerasReference& r, const Part& part, const RoundingModel& model,
                                    double spreads) {
  std::vector<Deviation> deviations;
  for (const auto& [name, tensor] : r.expected) {
    if (!part.belongs(name)) continue;
    const bool noise = is_noise(name, tensor.values);
    deviations.push_back(compare(r, name, model.explain(name), noise ? kNoiseSpreads : spreads));
  }
  return deviations;
}

/// Adds runs until they explain the file within the base tolerance; else, after as many as are worth it, the rest is
/// granted by their spread. Noise is drawn anew for all images in the first third of the runs, then from the run
/// closest to the file on for one image at a time.
std::vector<Deviation> compare_with_runs(const KerasReference& r, const Part& part, Device device) {
  const int steps = part.noisy_step == 0 ? 1 : r.steps;
  std::vector<Results> runs;
  RoundingSeeds closest = no_rounding(r);
  double least = kNone;
  std::size_t values = 0;
  for (const auto& [name, tensor] : r.expected) values += part.belongs(name) ? tensor.values.size() : 0;
  const std::size_t limit = std::clamp(kMaxValues / values, kRunsBetweenChecks, part.max_runs);
  for (std::size_t t = 0; t <= limit; ++t) {
    RoundingSeeds seeds = closest;
    for (std::size_t image = 0; t > 0 && part.noisy_step < seeds.size() && image < seeds[0].size(); ++image) {
      if (t <= limit / 3 || image == t % seeds[0].size()) seeds[part.noisy_step][image] = static_cast<std::uint32_t>(t);
    }
    Results run = replay_training(r, FirstUpdate::reference, seeds, steps, device);
    std::erase_if(run, [&](const auto& result) { return !part.belongs(result.first); });
    const double fit = misfit(r.expected, run, part.belongs);
    if (fit < least) closest = seeds;
    least = std::min(least, fit);
    runs.push_back(std::move(run));
    if (t % kRunsBetweenChecks != 0) continue;
    const RoundingModel model(r.expected, runs, part.belongs);
    std::vector<Deviation> deviations = compare_part(r, part, model, 0);
    if (agree(deviations)) return deviations;
    if (t >= limit / 2 && !agree(compare_part(r, part, model, kHopelessSpreads))) return deviations;
  }
  const RoundingModel model(r.expected, runs, part.belongs);
  return compare_part(r, part, model, std::min(kMaxSpreads, kTailFactor * model.unexplained()));
}

/// The largest absolute deviation by kind of what Karyon computes all on its own.
std::array<double, kKinds.size()> plain_deviations(const KerasReference& r, const Results& ours) {
  std::array<double, kKinds.size()> worst{};
  for (const auto& [name, tensor] : r.expected) {
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      double& w = worst[kind_of(name)];
      w = std::max(w, difference(tensor.values[i], ours.at(name).values[i]));
    }
  }
  return worst;
}

int run(std::vector<std::string> arguments) {
  const Device device = take_device(arguments);
  if (arguments.size() != 1) throw Error(Exit::usage, "usage: keras_parity [--device NAME] FILE");
  const std::string& path = arguments[0];
  const KerasReference r = read_keras_reference(path);
  const Results plain = replay_training(r, FirstUpdate::own, no_rounding(r), r.steps, device);
  check_names(r, plain);
  std::vector<Deviation> deviations = compare_with_runs(r, {in_step1, 0, 64}, device);
  const std::vector<Deviation> later = compare_with_runs(r, {after_step1, 1, 40}, device);
  deviations.insert(deviations.end(), later.begin(), later.end());
  const auto own = plain_deviations(r, plain);

  std::printf("%s: encoder %s, width %g, %d steps of %dx%dx%d\n", path.c_str(), r.finetuned ? "fine-tuned" : "frozen",
              r.options.encoder.width, r.steps, r.batch, r.h, r.w);
  std::printf("%-18s %7s %11s %11s %9s %10s  %s\n", "worst deviation", "tensors", "on its own", "compared", "of range",
              "tolerance", "tensor");
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
    Deviation worst{"", 0, 0, -1};
    int count = 0;
    for (const Deviation& d : deviations) {
      if (kind_of(d.tensor) != kind) continue;
      ++count;
      if (d.tolerance > worst.tolerance) worst = d;
    }
    std::printf("%-18s %7d %11.3g %11.3g %8.3f%% %9.1f%%  %s\n", kKinds[kind].name, count, own[kind], worst.absolute,
                100 * worst.of_range, 100 * worst.tolerance, worst.tensor.c_str());
  }
  for (const Deviation& d : deviations) {
    if (!(d.tolerance <= 1)) std::printf("DEVIATES: %s by %.3g\n", d.tensor.c_str(), d.absolute);
  }
  const bool agrees = agree(deviations);
  std::printf("%zu tensors compared: %s\n", deviations.size(), agrees ? "equal" : "DIFFERENT");
  return agrees ? 0 : 1;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    return karyon::run({argv + 1, argv + argc});
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "keras_parity: %s\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "keras_parity: out of memory\n");
    return static_cast<int>(karyon::Exit::out_of_memory);
  }
}
