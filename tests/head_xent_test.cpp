// The last layer and the loss in one pass: its references composed.
#include "kernels/head_xent.h"

#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "kernels/copy.h"
#include "tests/op_case.h"
#include "tests/reference/conv_transpose.h"
#include "tests/reference/softmax_xent.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();
constexpr ConvGeometry kKeras{3, 3, 2, 2, {0, 1, 0, 1}}, kTorch{3, 3, 2, 2, {1, 0, 1, 0}};

struct HeadCase {
  int n = 1, h = 1, w = 1, first = 1, skip = 0, classes = 2;
  ConvGeometry g = kKeras;
  bool bias = true, logits = true, gradient = true;
  Slice x = {}, x_skip = {}, y = {};
  std::int64_t sample = 0;

  [[nodiscard]] Shape y_shape() const { return {n, g.transposed_out_h(h), g.transposed_out_w(w), classes}; }
  [[nodiscard]] std::string name() const {
    return text(Shape{n, h, w, first}) + "+" + std::to_string(skip) + " to " + std::to_string(classes) + " " + text(g);
  }
};

/// Logits as the reference has them, and how far rounding moves each.
struct Reference {
  Array logits, slack, gradient;
  XentCounts counts;
};

Reference reference_of(const HeadCase& c, const Array& x, const Array& kernel, const Array& bias, const Array& labels) {
  Reference r;
  r.logits = Array(c.y_shape());
  r.slack = Array(c.y_shape());
  for (std::size_t i = 0; i < r.logits.values.size(); ++i) {
    const auto [n, p, q, o] = reference::unravel(c.y_shape(), static_cast<std::int64_t>(i));
    const Expected e = sum_in_float(reference::conv_transpose_forward(x, kernel, bias, c.g, n, p, q, o));
    r.logits.values[i] = e.value;
    r.slack.values[i] = e.tolerance;
  }
  r.gradient = reference::softmax_xent_gradient(r.logits, labels);
  r.counts = reference::softmax_xent(r.logits, labels);
  return r;
}

OpCase head(const HeadCase& c) {
  RandomStream random(17, Purpose::bench);
  const Array first = random_array({c.n, c.h, c.w, c.first}, random);
  const Array skip = c.skip > 0 ? random_array({c.n, c.h, c.w, c.skip}, random) : Array();
  const Array kernel = random_array({3, 3, c.classes, c.first + c.skip}, random);
  const Array bias = c.bias ? random_array({1, 1, 1, c.classes}, random) : Array();
  Array labels({c.n, c.y_shape()[1], c.y_shape()[2], 1});
  for (double& v : labels.values) v = random.below(static_cast<std::uint32_t>(c.classes));
  const auto r = std::make_shared<Reference>(
      reference_of(c, c.skip > 0 ? reference::concatenate({first, skip}) : first, kernel, bias, labels));
  double loss_slack = 0;
  for (std::size_t i = 0; i < r->logits.values.size(); ++i) {
    loss_slack += r->slack.values[i] + 4 * kEps * (std::abs(r->logits.values[i]) + 1);
  }
  const auto pixels = static_cast<double>(labels.values.size());
  std::vector<Argument> arguments{input("x", first, c.x, Element::activation), input("kernel", kernel),
                                  input("labels", labels, {}, Element::u8)};
  if (c.skip > 0) arguments.push_back(input("skip", skip, c.x_skip, Element::activation));
  if (c.bias) arguments.push_back(input("bias", bias));
  if (c.logits) {
    arguments.push_back(output("logits", c.y_shape(), [r](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      return Expected{r->logits.values[k], r->slack.values[k]};
    }));
  }
  if (c.gradient) {
    arguments.push_back(output(
        "dlogits", c.y_shape(),
        [r, pixels, classes = static_cast<std::size_t>(c.classes)](std::int64_t i) {
          // A probability moves no faster than the logits of its pixel together.
          double slack = 8 * kEps;
          const std::size_t pixel = static_cast<std::size_t>(i) / classes * classes;
          for (std::size_t k = pixel; k < pixel + classes; ++k) slack += r->slack.values[k];
          return Expected{r->gradient.values[static_cast<std::size_t>(i)], slack / pixels};
        },
        c.y));
  }
  // Pixels whose best logits lie closer than rounding are no part of the cases: counts are exact.
  const std::vector<double> counts{r->counts.loss_sum,
                                   static_cast<double>(r->counts.pixels),
                                   static_cast<double>(r->counts.correct),
                                   static_cast<double>(r->counts.true_foreground),
                                   static_cast<double>(r->counts.predicted_foreground),
                                   static_cast<double>(r->counts.common_foreground)};
  arguments.push_back(output(
      "counts", {1, 1, 1, 6},
      [counts, loss_slack](std::int64_t i) {
        return Expected{counts[static_cast<std::size_t>(i)], i == 0 ? loss_slack : 0};
      },
      {}, Element::f64));
  return {.name = "head and loss " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                auto* counted = static_cast<XentCounts*>(stream.memory().allocate(sizeof(XentCounts), false));
                with_type(a.type("x"), [&]<class T>() {
                  std::vector<View<const T>> inputs{a.view<T>("x")};
                  if (c.skip > 0) inputs.emplace_back(a.view<T>("skip"));
                  ON_DEVICE_AS((T), head_xent, stream, inputs, a.data("kernel"), a.data("bias"), c.g,
                               a.data<std::uint8_t>("labels"), a.view("logits"), a.view("dlogits"), counted);
                });
                XentCounts read;
                download(stream, &read, counted, sizeof read);
                stream.memory().release(counted);
                const double numbers[] = {read.loss_sum,
                                          static_cast<double>(read.pixels),
                                          static_cast<double>(read.correct),
                                          static_cast<double>(read.true_foreground),
                                          static_cast<double>(read.predicted_foreground),
                                          static_cast<double>(read.common_foreground)};
                upload(stream, a.data<double>("counts"), numbers, sizeof numbers);
              },
          .same_for_all_thread_counts = false};
}

std::vector<HeadCase> cases() {
  return {
      {.h = 1, .w = 1},
      {.n = 2, .h = 5, .w = 7, .first = 31, .skip = 3, .g = kTorch, .x = {3, 2}, .x_skip = {0, 5}, .y = {1, 2}},
      {.n = 1, .h = 16, .w = 15, .first = 8, .skip = 16},  // two tiles down, one and a pixel across
      {.n = 2, .h = 18, .w = 33, .first = 16, .skip = 24, .g = kTorch},
      {.n = 1, .h = 7, .w = 5, .first = 33, .classes = 3, .bias = false, .logits = false},
      {.n = 1, .h = 6, .w = 5, .first = 16, .skip = 8, .classes = 3, .gradient = false},
      {.n = 1, .h = 20, .w = 20, .first = 64, .skip = 96},  // the model's channels
  };
}

TEST(HeadXent, KnowsWhatItTakes) {
  EXPECT_TRUE(head_xent_takes(kKeras, 2));
  EXPECT_TRUE(head_xent_takes(kTorch, 3));
  EXPECT_FALSE(head_xent_takes(kKeras, 1));
  EXPECT_FALSE(head_xent_takes(kKeras, 4));
  EXPECT_FALSE(head_xent_takes({3, 3, 1, 1, {1, 1, 1, 1}}, 2));
  EXPECT_FALSE(head_xent_takes({2, 2, 2, 2, {}}, 2));
}

TEST(HeadXent, LogitsLossAndGradient) {
  for (const HeadCase& c : cases()) EXPECT_EQ(faults(head(c)), "");
}

TEST(HeadXent, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const HeadCase& c : cases()) EXPECT_EQ(faults(head(c)), "");
}

}  // namespace
}  // namespace karyon::testing
