// Negative controls on the engine's own kernels: with every barrier, or every exchange between lanes, left out by the
// machine, the ops' cases must fail. A case that passes all the same would prove nothing of them.
#include <memory>

#include <gtest/gtest.h>

#include "kernels/batch_norm.h"
#include "kernels/conv_transpose.h"
#include "kernels/depthwise_conv.h"
#include "kernels/softmax_xent.h"
#include "tests/op_case.h"
#include "tests/reference/batch_norm.h"
#include "tests/reference/conv_transpose.h"
#include "tests/reference/depthwise_conv.h"
#include "tests/simt/machine.h"

namespace karyon::testing {
namespace {

using simt::Sabotage;

class Sabotaged : public ::testing::Test {
 protected:
  ~Sabotaged() override { simt::set_sabotage(Sabotage::none); }

  /// Whether the case passes on the machine as it is, and fails on the one that leaves something out.
  static void expect_caught(const OpCase& op, Sabotage sabotage) {
    EXPECT_EQ(faults(op), "");
    simt::set_sabotage(sabotage);
    EXPECT_NE(faults(op), "") << op.name << " passes without what it needs";
    simt::set_sabotage(Sabotage::none);
  }
};

OpCase batch_norm() {
  const Shape shape{2, 16, 16, 40}, channels{1, 1, 1, 40};
  RandomStream random(21, Purpose::bench);
  const Array x = random_array(shape, random);
  const auto statistics = std::make_shared<reference::ChannelStatistics>(reference::batch_statistics(x, 1e-3));
  const auto anything = [](std::int64_t) { return Expected{0, 1e30}; };
  return {.name = "batch norm",
          .arguments = {input("x", x), input("gamma", random_array(channels, random)),
                        input("beta", random_array(channels, random)), output("y", shape, anything),
                        output("mean", channels,
                               [statistics](std::int64_t c) {
                                 return Expected{statistics->mean[static_cast<std::size_t>(c)], 1e-5};
                               }),
                        output("inv_std", channels, anything)},
          .run = [](Stream& stream, Arguments& a) {
            cuda::batch_norm_forward<float>(stream, a.view("x"), a.data("gamma"), a.data("beta"), 1e-3F, 0.9F,
                                            Activation::none, a.view("y"), a.data("mean"), a.data("inv_std"), nullptr,
                                            nullptr);
          }};
}

OpCase conv_transpose() {
  constexpr ConvGeometry g{3, 3, 2, 2, {0, 1, 0, 1}};
  const Shape y_shape{1, 8, 8, 32};
  RandomStream random(22, Purpose::bench);
  const auto x = std::make_shared<Array>(random_array({1, 4, 4, 64}, random));
  const auto kernel = std::make_shared<Array>(random_array({3, 3, 32, 64}, random));
  return {.name = "transposed convolution",
          .arguments = {input("x", *x), input("kernel", *kernel),
                        output("y", y_shape,
                               sums_in_float(y_shape,
                                             [x, kernel, g](int n, int p, int q, int o) {
                                               return reference::conv_transpose_forward(*x, *kernel, {}, g, n, p, q, o);
                                             }))},
          .run = [g](Stream& stream, Arguments& a) {
            const ConstFloatView inputs[] = {a.view("x")};
            cuda::conv_transpose_forward<float, float>(stream, inputs, {a.data("kernel")}, nullptr, Activation::none, g,
                                                       a.view("y"));
          }};
}

OpCase depthwise() {
  constexpr ConvGeometry g{3, 3, 1, 1, {1, 1, 1, 1}};
  const Shape shape{1, 12, 12, 32};
  RandomStream random(23, Purpose::bench);
  const auto x = std::make_shared<Array>(random_array(shape, random));
  const auto kernel = std::make_shared<Array>(random_array({1, 3, 3, 32}, random));
  return {.name = "depthwise convolution",
          .arguments = {input("x", *x), input("kernel", *kernel),
                        output("y", shape,
                               sums_in_float(shape,
                                             [x, kernel, g](int n, int p, int q, int c) {
                                               return reference::depthwise_conv_forward(*x, *kernel, {}, g, n, p, q, c);
                                             }))},
          .run = [g](Stream& stream, Arguments& a) {
            cuda::depthwise_conv_forward<float>(stream, a.view("x"), a.data("kernel"), nullptr, Activation::none, g,
                                                a.view("y"));
          }};
}

/// The mean number of right pixels cannot be right when blocks or warps do not add up.
OpCase xent() {
  const Shape shape{1, 40, 40, 2};
  RandomStream random(24, Purpose::bench);
  const Array logits = random_array(shape, random);
  const std::vector<double> zeros(1600, 0.0);
  Array labels({1, 40, 40, 1});
  labels.values = zeros;
  double right = 0;
  for (std::size_t i = 0; i < 1600; ++i) right += logits.values[2 * i] >= logits.values[2 * i + 1] ? 1 : 0;
  return {.name = "softmax cross-entropy",
          .arguments = {input("logits", logits), input("labels", labels, {}, Element::u8),
                        output(
                            "correct", {1, 1, 1, 1},
                            [right](std::int64_t) {
                              return Expected{right, 0};
                            },
                            {}, Element::f64)},
          .run = [](Stream& stream, Arguments& a) {
            auto* counts = static_cast<XentCounts*>(stream.memory().allocate(sizeof(XentCounts), false));
            cuda::softmax_xent(stream, a.view("logits"), a.data<std::uint8_t>("labels"), {}, counts);
            XentCounts read;
            download(stream, &read, counts, sizeof read);
            stream.memory().release(counts);
            const auto correct = static_cast<double>(read.correct);
            upload(stream, a.data<double>("correct"), &correct, sizeof correct);
          }};
}

TEST_F(Sabotaged, BatchNormNeedsItsBarriers) { expect_caught(batch_norm(), Sabotage::barriers); }
TEST_F(Sabotaged, ConvTransposeNeedsItsBarriers) { expect_caught(conv_transpose(), Sabotage::barriers); }
TEST_F(Sabotaged, DepthwiseConvNeedsItsBarriers) { expect_caught(depthwise(), Sabotage::barriers); }
TEST_F(Sabotaged, SoftmaxXentNeedsItsBarriers) { expect_caught(xent(), Sabotage::barriers); }
TEST_F(Sabotaged, SoftmaxXentNeedsItsShuffles) { expect_caught(xent(), Sabotage::exchanges); }

}  // namespace
}  // namespace karyon::testing
