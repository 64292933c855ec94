// Softmax cross-entropy: loss, gradient and counts in one pass.
#include "kernels/softmax_xent.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/softmax_xent.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

struct XentCase {
  Shape shape;
  double spread = 1;  // of the logits
  Slice logits = {}, dlogits = {};
  [[nodiscard]] std::string name() const { return text(shape) + " spread " + std::to_string(spread); }
};

Array random_logits(const XentCase& c) {
  RandomStream random(10, Purpose::bench);
  Array logits = random_array(c.shape, random);
  for (double& v : logits.values) v = static_cast<double>(static_cast<float>(v * c.spread));
  // Equal logits in the first pixel: the first of equals is the prediction.
  for (int k = 0; k < c.shape[3]; ++k) logits.at(0, 0, 0, k) = static_cast<double>(static_cast<float>(c.spread));
  return logits;
}

Array random_labels(const Shape& logits) {
  RandomStream random(11, Purpose::bench);
  Array labels({logits[0], logits[1], logits[2], 1});
  for (double& v : labels.values) v = random.below(static_cast<std::uint32_t>(logits[3]));
  return labels;
}

// The six numbers of XentCounts as an argument that the harness compares.
std::vector<double> as_numbers(const XentCounts& counts) {
  return {counts.loss_sum,
          static_cast<double>(counts.pixels),
          static_cast<double>(counts.correct),
          static_cast<double>(counts.true_foreground),
          static_cast<double>(counts.predicted_foreground),
          static_cast<double>(counts.common_foreground)};
}

/// Runs the op with the counts in the stream's memory, where it wants them.
XentCounts counted_xent(Stream& stream, Arguments& a, const std::string& logits) {
  XentCounts counted{1e9, -1, -1, -1, -1, -1};  // to be overwritten, not added to
  auto* counts = static_cast<XentCounts*>(stream.memory().allocate(sizeof(XentCounts), true));
  upload(stream, counts, &counted, sizeof(counted));
  ON_DEVICE(softmax_xent, stream, a.view(logits), a.data<std::uint8_t>("labels"), a.view("dlogits"), counts);
  download(stream, &counted, counts, sizeof(counted));
  stream.memory().release(counts);
  return counted;
}

enum class Destination : std::uint8_t { beside, onto_logits, none };

OpCase xent(const XentCase& c, Destination destination) {
  const Array logits = random_logits(c), labels = random_labels(c.shape);
  const Array gradient = reference::softmax_xent_gradient(logits, labels);
  const auto pixels = static_cast<double>(labels.values.size());
  const std::vector<double> counts = as_numbers(reference::softmax_xent(logits, labels));
  double loss_scale = 0;  // of log(sum exp) and the label's logit, whose difference the loss is
  for (const double v : logits.values) loss_scale += std::abs(v) + 1;
  const auto expected_counts = [counts, loss_scale](std::int64_t i) {
    return Expected{counts[static_cast<std::size_t>(i)], i == 0 ? 4 * kEps * loss_scale : 0};
  };
  const auto expected_gradient = [gradient, pixels](std::int64_t i) {
    return Expected{gradient.values[static_cast<std::size_t>(i)], 8 * kEps / pixels};
  };
  std::vector<Argument> arguments{input("labels", labels, {}, Element::u8),
                                  output("counts", {1, 1, 1, 6}, expected_counts, {}, Element::f64)};
  if (destination == Destination::onto_logits) {
    arguments.push_back(in_place("dlogits", logits, expected_gradient, c.logits));
  } else {
    arguments.push_back(input("logits", logits, c.logits));
    if (destination == Destination::beside) {
      arguments.push_back(output("dlogits", c.shape, expected_gradient, c.dlogits));
    }
  }
  return {
      .name = "xent " + c.name(),
      .arguments = std::move(arguments),
      .run = [source = destination == Destination::onto_logits ? "dlogits" : "logits"](Stream& stream, Arguments& a) {
        const std::vector<double> numbers = as_numbers(counted_xent(stream, a, source));
        upload(stream, a.data<double>("counts"), numbers.data(), numbers.size() * sizeof(double));
      }};
}

std::vector<XentCase> cases() {
  return {{.shape = {2, 7, 5, 2}},
          {.shape = {2, 7, 5, 3}, .logits = {3, 2}, .dlogits = {0, 5}},
          {.shape = {1, 1, 1, 2}},
          {.shape = {1, 1, 1, 3}, .spread = 5},
          {.shape = {1, 7, 5, 1}},  // one class: no loss, no gradient
          {.shape = {1, 7, 5, 33}, .spread = 3, .dlogits = {1, 0}},
          {.shape = {2, 7, 5, 2}, .spread = 1e4},
          {.shape = {2, 7, 5, 3}, .spread = 1e4},
          {.shape = {2, 7, 5, 2}, .spread = 50, .logits = {0, 1}},
          {.shape = {2, 7, 5, 2}, .spread = 1e-6},
          {.shape = {3, 64, 64, 2}},
          {.shape = {1, 33, 31, 2}, .spread = 5},  // an odd number of pixels, two blocks
          {.shape = {1, 37, 21, 2}, .dlogits = {2, 0}},
          {.shape = {1, 101, 103, 3}, .spread = 10}};
}

TEST(SoftmaxXentReference, GradientsAgreeWithDifferences) {
  for (const int classes : {2, 3, 5}) {
    const XentCase c{.shape = {2, 3, 2, classes}};
    const Array labels = random_labels(c.shape);
    const GradientCase op{.name = c.name(),
                          .inputs = {random_logits(c)},
                          .forward =
                              [labels](const std::vector<Array>& in) {
                                Array loss({1, 1, 1, 1});
                                const XentCounts counts = reference::softmax_xent(in[0], labels);
                                loss.values[0] = counts.loss_sum / static_cast<double>(counts.pixels);
                                return loss;
                              },
                          .backward =
                              [labels](const std::vector<Array>& in, const Array& dy) {
                                Array dlogits = reference::softmax_xent_gradient(in[0], labels);
                                for (double& v : dlogits.values) v *= dy.values[0];
                                return std::vector<Array>{dlogits};
                              }};
    EXPECT_EQ(gradient_faults(op), "");
  }
}

// Four pixels by hand: right and wrong, foreground found, missed and invented.
TEST(SoftmaxXentReference, KnownCounts) {
  Array logits({1, 1, 4, 3}), labels({1, 1, 4, 1});
  logits.values = {9, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0, 9};  // predictions 0 1 0 2
  labels.values = {0, 2, 1, 2};
  const XentCounts counts = reference::softmax_xent(logits, labels);
  EXPECT_EQ(counts.pixels, 4);
  EXPECT_EQ(counts.correct, 2);
  EXPECT_EQ(counts.true_foreground, 3);
  EXPECT_EQ(counts.predicted_foreground, 2);
  EXPECT_EQ(counts.common_foreground, 2);
  EXPECT_NEAR(counts.loss_sum, 4 * std::log(1 + 2 * std::exp(-9.0)) + 18, 1e-12);
}

TEST(SoftmaxXent, LossGradientAndCounts) {
  for (const XentCase& c : cases()) EXPECT_EQ(faults(xent(c, Destination::beside)), "");
}
TEST(SoftmaxXent, GradientOntoTheLogits) {
  for (const XentCase& c : cases()) EXPECT_EQ(faults(xent(c, Destination::onto_logits)), "");
}
TEST(SoftmaxXent, WithoutGradient) {
  for (const XentCase& c : cases()) EXPECT_EQ(faults(xent(c, Destination::none)), "");
}

// More pixels than all threads together take at once: too many for the SIMT machine.
TEST(SoftmaxXent, ManyPixels) {
  for (const XentCase& c : std::vector<XentCase>{{.shape = {1, 521, 521, 2}}, {.shape = {1, 369, 369, 3}}}) {
    OpCase op = xent(c, Destination::beside);
    op.multiply_adds = 1e7;
    EXPECT_EQ(faults(op), "");
  }
}

// The CPU refuses a label that is no class; CUDA, which cannot, says so in the loss.
OpCase xent_of_bad_label(const XentCase& c, std::size_t pixel, double label) {
  const Array logits = random_logits(c);
  Array labels = random_labels(c.shape);
  labels.values[pixel] = label;
  return {.name = "xent of label " + std::to_string(label) + " at " + std::to_string(pixel),
          .arguments = {input("labels", labels, {}, Element::u8), input("logits", logits, c.logits),
                        output(
                            "noticed", {1, 1, 1, 1},
                            [](std::int64_t) {
                              return Expected{1, 0};
                            },
                            {}, Element::f64)},
          .run = [](Stream& stream, Arguments& a) {
            double noticed = 0;
            if (stream.device().is_cuda()) {
              noticed = std::isnan(counted_xent(stream, a, "logits").loss_sum) ? 1 : 0;
            } else {
              EXPECT_THROW(counted_xent(stream, a, "logits"), Error);
              noticed = 1;
            }
            upload(stream, a.data<double>("noticed"), &noticed, sizeof(noticed));
          }};
}

TEST(SoftmaxXent, LabelThatIsNoClass) {
  for (const Shape& shape : std::vector<Shape>{{1, 33, 33, 2}, {1, 33, 33, 3}}) {
    for (const std::size_t pixel : {0, 7, 1088}) {
      EXPECT_EQ(faults(xent_of_bad_label({.shape = shape}, pixel, shape[3])), "");
      EXPECT_EQ(faults(xent_of_bad_label({.shape = shape}, pixel, 255)), "");
    }
  }
}

}  // namespace
}  // namespace karyon::testing
