// The segmentation loss: class weights and Dice against the fp64 reference, and against the plain loss where they are
// off.
#include "kernels/segmentation_loss.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/segmentation_loss.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

struct LossCase {
  Shape shape;
  std::vector<double> class_weights = {};  // empty: none
  double dice_weight = 0;
  double spread = 1;  // of the logits
  int labels = 0;     // classes that occur; 0: all
  Slice logits = {}, dlogits = {};

  [[nodiscard]] std::string name() const { return text(shape) + " dice " + std::to_string(dice_weight); }
  [[nodiscard]] Array weights() const {
    if (class_weights.empty()) return {};
    Array array({1, 1, 1, shape[3]});
    array.values = class_weights;
    return array;
  }
};

Array random_logits(const LossCase& c) {
  RandomStream random(10, Purpose::bench);
  Array logits = random_array(c.shape, random);
  for (double& v : logits.values) v = static_cast<double>(static_cast<float>(v * c.spread));
  // Equal logits in the first pixel: the first of equals is the prediction.
  for (int k = 0; k < c.shape[3]; ++k) logits.at(0, 0, 0, k) = static_cast<double>(static_cast<float>(c.spread));
  return logits;
}

Array random_labels(const LossCase& c) {
  RandomStream random(11, Purpose::bench);
  Array labels({c.shape[0], c.shape[1], c.shape[2], 1});
  for (double& v : labels.values) v = random.below(static_cast<std::uint32_t>(c.labels > 0 ? c.labels : c.shape[3]));
  return labels;
}

std::vector<double> as_numbers(const XentCounts& counts) {
  return {counts.loss_sum,
          static_cast<double>(counts.pixels),
          static_cast<double>(counts.correct),
          static_cast<double>(counts.true_foreground),
          static_cast<double>(counts.predicted_foreground),
          static_cast<double>(counts.common_foreground)};
}

/// Runs the op with the counts in the stream's memory, where it wants them.
XentCounts counted_loss(Stream& stream, Arguments& a, const std::string& logits, float dice_weight) {
  XentCounts counted{1e9, -1, -1, -1, -1, -1};  // to be overwritten, not added to
  auto* counts = static_cast<XentCounts*>(stream.memory().allocate(sizeof(XentCounts), true));
  upload(stream, counts, &counted, sizeof(counted));
  ON_DEVICE(segmentation_loss, stream, a.view(logits), a.data<std::uint8_t>("labels"), a.data("class_weights"),
            dice_weight, a.view("dlogits"), counts);
  download(stream, &counted, counts, sizeof(counted));
  stream.memory().release(counts);
  return counted;
}

enum class Destination : std::uint8_t { beside, onto_logits, none };

std::function<Expected(std::int64_t)> expected_counts(const LossCase& c, const Array& logits, const Array& labels) {
  const reference::SegmentationLoss loss = reference::segmentation_loss(logits, labels, c.weights());
  const auto pixels = static_cast<double>(labels.values.size());
  std::vector<double> counts = as_numbers(reference::softmax_xent(logits, labels));
  counts[0] = pixels * (loss.mean_cross() + c.dice_weight * loss.dice());
  double scale = 0;  // of log(sum exp) and the label's logit, whose difference the cross-entropy is
  for (std::size_t i = 0; i < logits.values.size(); ++i) {
    scale += reference::class_weight(c.weights(), labels, i / static_cast<std::size_t>(c.shape[3])) *
             (std::abs(logits.values[i]) + 1);
  }
  const double tolerance =
      4 * kEps * pixels * (loss.weight > 0 ? scale / loss.weight : 0) + 8 * kEps * pixels * c.dice_weight;
  return [counts, tolerance](std::int64_t i) {
    return Expected{counts[static_cast<std::size_t>(i)], i == 0 ? tolerance : 0};
  };
}

std::function<Expected(std::int64_t)> expected_gradient(const LossCase& c, const Array& logits, const Array& labels) {
  const Array gradient = reference::segmentation_gradient(logits, labels, c.weights(), c.dice_weight);
  const reference::SegmentationLoss loss = reference::segmentation_loss(logits, labels, c.weights());
  double most = 1;
  for (const double w : c.class_weights) most = std::max(most, w);
  const double tolerance =
      8 * kEps * ((loss.weight > 0 ? most / loss.weight : 0) + 3 * c.dice_weight / (loss.probability + loss.truth + 1));
  return [gradient, tolerance](std::int64_t i) {
    return Expected{gradient.values[static_cast<std::size_t>(i)], tolerance};
  };
}

OpCase loss_of(const LossCase& c, Destination destination) {
  const Array logits = random_logits(c), labels = random_labels(c);
  std::vector<Argument> arguments{input("labels", labels, {}, Element::u8),
                                  output("counts", {1, 1, 1, 6}, expected_counts(c, logits, labels), {}, Element::f64)};
  if (!c.class_weights.empty()) arguments.push_back(input("class_weights", c.weights()));
  const auto gradient = expected_gradient(c, logits, labels);
  if (destination == Destination::onto_logits) {
    arguments.push_back(in_place("dlogits", logits, gradient, c.logits));
  } else {
    arguments.push_back(input("logits", logits, c.logits));
    if (destination == Destination::beside) arguments.push_back(output("dlogits", c.shape, gradient, c.dlogits));
  }
  return {.name = "segmentation loss " + c.name(),
          .arguments = std::move(arguments),
          .run = [source = destination == Destination::onto_logits ? "dlogits" : "logits",
                  dice = static_cast<float>(c.dice_weight)](Stream& stream, Arguments& a) {
            const std::vector<double> numbers = as_numbers(counted_loss(stream, a, source, dice));
            upload(stream, a.data<double>("counts"), numbers.data(), numbers.size() * sizeof(double));
          }};
}

std::vector<LossCase> cases() {
  return {{.shape = {2, 7, 5, 2}},
          {.shape = {2, 7, 5, 2}, .class_weights = {0.5, 3}},
          {.shape = {2, 7, 5, 2}, .dice_weight = 1},
          {.shape = {2, 7, 5, 2}, .class_weights = {1, 4}, .dice_weight = 0.5, .logits = {0, 1}},
          {.shape = {2, 7, 5, 3}, .class_weights = {0.25, 2, 8}, .dice_weight = 2, .logits = {3, 2}, .dlogits = {0, 5}},
          {.shape = {2, 7, 5, 3}, .class_weights = {1, 0, 2}, .dice_weight = 1},
          {.shape = {1, 7, 5, 2}, .class_weights = {0, 1}, .dice_weight = 1, .labels = 1},  // no weight at all
          {.shape = {1, 7, 5, 2}, .dice_weight = 1, .spread = 20, .labels = 1},             // no foreground
          {.shape = {1, 1, 1, 2}, .class_weights = {1, 2}, .dice_weight = 1},
          {.shape = {1, 7, 5, 1}, .class_weights = {2}, .dice_weight = 1},  // one class: no loss, no gradient
          {.shape = {1, 7, 5, 33}, .dice_weight = 1, .spread = 3, .dlogits = {1, 0}},
          {.shape = {2, 7, 5, 2}, .class_weights = {1, 5}, .dice_weight = 1, .spread = 1e4},
          {.shape = {2, 7, 5, 3}, .dice_weight = 1, .spread = 1e4},
          {.shape = {1, 33, 31, 3}, .class_weights = {1, 2, 3}, .dice_weight = 0.25, .spread = 10}};
}

TEST(SegmentationLossReference, GradientsAgreeWithDifferences) {
  for (const int classes : {2, 3, 5}) {
    const LossCase c{
        .shape = {2, 3, 2, classes}, .class_weights = std::vector<double>{0.5, 2, 1, 3, 0.25}, .dice_weight = 1.5};
    LossCase cut = c;
    cut.class_weights.resize(static_cast<std::size_t>(classes));
    const Array labels = random_labels(cut), weights = cut.weights();
    const GradientCase op{.name = cut.name(),
                          .inputs = {random_logits(cut)},
                          .forward =
                              [labels, weights](const std::vector<Array>& in) {
                                const reference::SegmentationLoss loss =
                                    reference::segmentation_loss(in[0], labels, weights);
                                Array result({1, 1, 1, 1});
                                result.values[0] = loss.mean_cross() + 1.5 * loss.dice();
                                return result;
                              },
                          .backward =
                              [labels, weights](const std::vector<Array>& in, const Array& dy) {
                                Array dlogits = reference::segmentation_gradient(in[0], labels, weights, 1.5);
                                for (double& v : dlogits.values) v *= dy.values[0];
                                return std::vector<Array>{dlogits};
                              }};
    EXPECT_EQ(gradient_faults(op), "");
  }
}

// Without weights and Dice it is the plain loss.
TEST(SegmentationLossReference, IsThePlainLossWhenOff) {
  const LossCase c{.shape = {2, 7, 5, 3}};
  const Array logits = random_logits(c), labels = random_labels(c);
  const double mean = reference::softmax_xent(logits, labels).loss_sum / 70;
  EXPECT_NEAR(reference::segmentation_loss(logits, labels, {}).mean_cross(), mean, 1e-12);
  const Array plain = reference::softmax_xent_gradient(logits, labels);
  const Array gradient = reference::segmentation_gradient(logits, labels, {}, 0);
  for (std::size_t i = 0; i < plain.values.size(); ++i) EXPECT_NEAR(gradient.values[i], plain.values[i], 1e-15);
}

// Two pixels by hand: torch.nn.CrossEntropyLoss(weight=[1, 3]) of z = [[0, ln 3], [0, ln 3]], labels 1 and 0, is
// (3 ln(4/3) + ln 4) / 4; f is 3/4 in both, so dice is 1 - (1.5 + 1) / (1.5 + 1 + 1).
TEST(SegmentationLossReference, KnownLoss) {
  Array logits({1, 1, 2, 2}), labels({1, 1, 2, 1}), weights({1, 1, 1, 2});
  logits.values = {0, std::log(3.0), 0, std::log(3.0)};
  labels.values = {1, 0};
  weights.values = {1, 3};
  const reference::SegmentationLoss loss = reference::segmentation_loss(logits, labels, weights);
  EXPECT_NEAR(loss.mean_cross(), (3 * std::log(4.0 / 3) + std::log(4.0)) / 4, 1e-12);
  EXPECT_NEAR(loss.dice(), 1 - 2.5 / 3.5, 1e-12);
}

TEST(SegmentationLoss, LossGradientAndCounts) {
  for (const LossCase& c : cases()) EXPECT_EQ(faults(loss_of(c, Destination::beside)), "");
}
TEST(SegmentationLoss, GradientOntoTheLogits) {
  for (const LossCase& c : cases()) EXPECT_EQ(faults(loss_of(c, Destination::onto_logits)), "");
}
TEST(SegmentationLoss, WithoutGradient) {
  for (const LossCase& c : cases()) EXPECT_EQ(faults(loss_of(c, Destination::none)), "");
}

// More pixels than all threads together take at once: too many for the SIMT machine.
TEST(SegmentationLoss, ManyPixels) {
  OpCase op = loss_of({.shape = {1, 369, 369, 2}, .class_weights = {1, 3}, .dice_weight = 1}, Destination::beside);
  op.multiply_adds = 1e7;
  EXPECT_EQ(faults(op), "");
}

// The CPU refuses a label that is no class; CUDA, which cannot, says so in the loss.
TEST(SegmentationLoss, LabelThatIsNoClass) {
  const LossCase c{.shape = {1, 33, 33, 2}, .class_weights = {1, 2}, .dice_weight = 1};
  Array labels = random_labels(c);
  labels.values[7] = 2;
  const OpCase op{.name = "label 2 of two classes",
                  .arguments = {input("labels", labels, {}, Element::u8), input("logits", random_logits(c)),
                                input("class_weights", c.weights()),
                                output(
                                    "noticed", {1, 1, 1, 1},
                                    [](std::int64_t) {
                                      return Expected{1, 0};
                                    },
                                    {}, Element::f64)},
                  .run = [](Stream& stream, Arguments& a) {
                    double noticed = 1;
                    if (stream.device().is_cuda()) {
                      noticed = std::isnan(counted_loss(stream, a, "logits", 1).loss_sum) ? 1 : 0;
                    } else {
                      EXPECT_THROW(counted_loss(stream, a, "logits", 1), Error);
                    }
                    upload(stream, a.data<double>("noticed"), &noticed, sizeof(noticed));
                  }};
  EXPECT_EQ(faults(op), "");
}

}  // namespace
}  // namespace karyon::testing
