// Batch normalisation in training, inference and backward, with the activations behind it.
#include "kernels/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/batch_norm.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();
constexpr double kRoundings = 8;  // operations an element goes through, each rounding its operands' scale once

struct NormCase {
  Shape shape;
  float epsilon = 1e-3F;
  float momentum = 0.99F;
  Activation act = Activation::none;
  double offset = 0, spread = 1;  // of x
  Slice x = {}, y = {};

  [[nodiscard]] Shape channels() const { return {1, 1, 1, shape[3]}; }
  [[nodiscard]] std::string name() const { return text(shape) + " " + text(act); }
};

struct Operands {
  Array x, gamma, beta, dy, moving_mean, moving_variance;
  reference::ChannelStatistics batch;
};

Array positive(Array a) {
  for (double& v : a.values) v = static_cast<double>(static_cast<float>(std::abs(v) + 0.1));
  return a;
}

// Takes pre-activations off the kinks, where a rounding error decides whether a gradient passes.
void leave_kinks(const NormCase& c, Operands& o) {
  for (bool again = c.act != Activation::none; again;) {
    again = false;
    const Array y = reference::batch_norm_forward(o.x, o.gamma, o.beta, o.batch);
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      if (std::abs(y.values[i]) > 1e-3 && std::abs(y.values[i] - 6) > 1e-3) continue;
      // A channel of one pixel is all beta, whatever x is.
      double& moved = reference::elements(c.shape) == c.shape[3] ? o.beta.values[i] : o.x.values[i];
      moved = as_stored(moved + 0.05 * c.spread);
      again = true;
    }
    o.batch = reference::batch_statistics(o.x, static_cast<double>(c.epsilon));
  }
}

std::shared_ptr<const Operands> operands(const NormCase& c) {
  RandomStream random(9, Purpose::bench);
  auto o = std::make_shared<Operands>();
  o->x = random_array(c.shape, random);
  for (double& v : o->x.values) v = as_stored(v * c.spread + c.offset);
  o->gamma = random_array(c.channels(), random);
  for (double& v : o->gamma.values) v = static_cast<double>(static_cast<float>(v * 2));
  o->beta = random_array(c.channels(), random);
  o->moving_mean = random_array(c.channels(), random);
  o->moving_variance = positive(random_array(c.channels(), random));
  o->dy = random_array(c.shape, random);
  o->batch = reference::batch_statistics(o->x, static_cast<double>(c.epsilon));
  leave_kinks(c, *o);
  return o;
}

// The variance has the condition number mean|x| / std: what rounding x alone does to it. (The difference of E[x^2] and
// mean^2 has that squared, and must fail.)
std::vector<double> variance_scale(const reference::ChannelStatistics& s) {
  std::vector<double> scale(s.variance.size());
  for (std::size_t ch = 0; ch < scale.size(); ++ch) {
    const double size = s.mean_magnitude[ch];
    scale[ch] = s.variance[ch] + size * std::sqrt(s.variance[ch]) + kEps * size * size;
  }
  return scale;
}

std::vector<double> inv_std_scale(const reference::ChannelStatistics& s) {
  std::vector<double> scale = variance_scale(s);
  for (std::size_t ch = 0; ch < scale.size(); ++ch) {
    scale[ch] = s.inv_std[ch] * (1 + scale[ch] * s.inv_std[ch] * s.inv_std[ch]);
  }
  return scale;
}

// y = act(gamma (x - mean) inv_std + beta): the scale of its terms, which x - mean loses to cancellation.
std::function<Expected(std::int64_t)> normalised(const NormCase& c, const std::shared_ptr<const Operands>& o,
                                                 const reference::ChannelStatistics& s) {
  const Array y = reference::batch_norm_forward(o->x, o->gamma, o->beta, s);
  return [o, s, y, act = c.act, channels = static_cast<std::size_t>(c.shape[3])](std::int64_t flat) {
    const auto i = static_cast<std::size_t>(flat), ch = i % channels;
    const double scale = std::abs(o->gamma.values[ch]) * s.inv_std[ch] *
                             (std::abs(o->x.values[i]) + std::abs(s.mean[ch]) + s.mean_magnitude[ch]) +
                         std::abs(o->beta.values[ch]);
    return Expected{reference::activate(act, y.values[i]), kRoundings * kEps * scale};
  };
}

std::function<Expected(std::int64_t)> moved(const std::vector<double>& batch, const std::vector<double>& scale,
                                            const Array& moving, float momentum) {
  return [batch, scale, moving, m = static_cast<double>(momentum)](std::int64_t flat) {
    const auto ch = static_cast<std::size_t>(flat);
    const double before = moving.values[ch];
    return Expected{before * m + batch[ch] * (1 - m), kRoundings * kEps * (std::abs(before) + scale[ch])};
  };
}

std::function<Expected(std::int64_t)> channel_values(const std::vector<double>& values,
                                                     const std::vector<double>& scale) {
  return [values, scale](std::int64_t flat) {
    const auto ch = static_cast<std::size_t>(flat);
    return Expected{values[ch], kRoundings * kEps * scale[ch]};
  };
}

OpCase forward(const NormCase& c, bool moving) {
  const auto o = operands(c);
  std::vector<Argument> arguments{
      input("x", o->x, c.x, Element::activation),
      input("gamma", o->gamma),
      input("beta", o->beta),
      output("y", c.shape, normalised(c, o, o->batch), c.y, Element::activation),
      output("mean", c.channels(), channel_values(o->batch.mean, o->batch.mean_magnitude)),
      output("inv_std", c.channels(), channel_values(o->batch.inv_std, inv_std_scale(o->batch)))};
  if (moving) {
    arguments.push_back(in_place("moving_mean", o->moving_mean,
                                 moved(o->batch.mean, o->batch.mean_magnitude, o->moving_mean, c.momentum)));
    arguments.push_back(in_place("moving_variance", o->moving_variance,
                                 moved(o->batch.variance, variance_scale(o->batch), o->moving_variance, c.momentum)));
  }
  return {.name = "forward " + c.name(), .arguments = std::move(arguments), .run = [c](Stream& stream, Arguments& a) {
            with_type(a.type("x"), [&]<class T>() {
              ON_DEVICE_AS((T), batch_norm_forward, stream, a.view<T>("x"), a.data("gamma"), a.data("beta"), c.epsilon,
                           c.momentum, c.act, a.view<T>("y"), a.data("mean"), a.data("inv_std"), a.data("moving_mean"),
                           a.data("moving_variance"));
            });
          }};
}

OpCase inference(const NormCase& c, bool onto_x) {
  const auto o = operands(c);
  reference::ChannelStatistics s;
  s.mean = o->moving_mean.values;
  s.variance = o->moving_variance.values;
  s.mean_magnitude.assign(s.mean.size(), 0);
  for (const double v : s.variance) s.inv_std.push_back(1 / std::sqrt(v + static_cast<double>(c.epsilon)));
  std::vector<Argument> arguments{input("gamma", o->gamma), input("beta", o->beta),
                                  input("moving_mean", o->moving_mean), input("moving_variance", o->moving_variance)};
  const auto expected = normalised(c, o, s);
  if (onto_x) {
    arguments.push_back(in_place("y", o->x, expected, c.x, Element::activation));
  } else {
    arguments.push_back(input("x", o->x, c.x, Element::activation));
    arguments.push_back(output("y", c.shape, expected, c.y, Element::activation));
  }
  return {.name = std::string("inference ") + (onto_x ? "in place " : "") + c.name(),
          .arguments = std::move(arguments),
          .run = [c, x = onto_x ? "y" : "x"](Stream& stream, Arguments& a) {
            with_type(a.type(x), [&]<class T>() {
              ON_DEVICE_AS((T), batch_norm_inference, stream, a.view<T>(x), a.data("gamma"), a.data("beta"),
                           a.data("moving_mean"), a.data("moving_variance"), c.epsilon, c.act, a.view<T>("y"));
            });
          }};
}

enum class Destination : std::uint8_t { beside, onto_dy, none };

OpCase backward(const NormCase& c, Destination destination) {
  const auto o = operands(c);
  const auto r = std::make_shared<reference::BatchNormGradients>(
      reference::batch_norm_backward(o->dy, o->x, o->gamma, o->beta, static_cast<double>(c.epsilon), c.act));
  const auto channels = static_cast<std::size_t>(c.shape[3]);
  const double pixels = static_cast<double>(o->x.values.size()) / static_cast<double>(channels);
  // x_hat carries the rounding of x - mean, magnified by inv_std.
  const auto x_hat_scale = [o, channels](std::size_t i) {
    const std::size_t ch = i % channels;
    return o->batch.inv_std[ch] * (std::abs(o->x.values[i]) + o->batch.mean_magnitude[ch]);
  };
  std::vector<double> largest_x_hat(channels, 0), dgamma_scale(channels), dbeta_scale(channels);
  for (std::size_t i = 0; i < o->x.values.size(); ++i) {
    largest_x_hat[i % channels] = std::max(largest_x_hat[i % channels], x_hat_scale(i));
  }
  for (std::size_t ch = 0; ch < channels; ++ch) {
    dbeta_scale[ch] = pixels * r->mean_g_magnitude[ch];
    dgamma_scale[ch] = dbeta_scale[ch] * largest_x_hat[ch];
  }
  const auto dx = [o, r, x_hat_scale, dgamma_scale, pixels, channels](std::int64_t flat) {
    const auto i = static_cast<std::size_t>(flat), ch = i % channels;
    const double x_hat = std::abs(o->x.values[i] - o->batch.mean[ch]) * o->batch.inv_std[ch];
    const double scale = std::abs(o->dy.values[i]) + r->mean_g_magnitude[ch] + x_hat * dgamma_scale[ch] / pixels +
                         x_hat_scale(i) * r->mean_gx_magnitude[ch];
    return Expected{r->dx.values[i], kRoundings * kEps * std::abs(o->gamma.values[ch]) * o->batch.inv_std[ch] * scale};
  };
  Array mean(c.channels()), inv_std(c.channels());
  for (std::size_t ch = 0; ch < channels; ++ch) {
    mean.values[ch] = static_cast<double>(static_cast<float>(o->batch.mean[ch]));
    inv_std.values[ch] = static_cast<double>(static_cast<float>(o->batch.inv_std[ch]));
  }
  std::vector<Argument> arguments{input("x", o->x, c.x, Element::activation),
                                  input("gamma", o->gamma),
                                  input("beta", o->beta),
                                  input("mean", mean),
                                  input("inv_std", inv_std),
                                  output("dgamma", c.channels(), channel_values(r->dgamma.values, dgamma_scale)),
                                  output("dbeta", c.channels(), channel_values(r->dbeta.values, dbeta_scale))};
  if (destination == Destination::onto_dy) {
    arguments.push_back(in_place("dy", o->dy, dx, c.y, Element::activation));
  } else {
    arguments.push_back(input("dy", o->dy, c.y, Element::activation));
    if (destination == Destination::beside) arguments.push_back(output("dx", c.shape, dx, c.x, Element::activation));
  }
  return {.name = "backward " + c.name(),
          .arguments = std::move(arguments),
          .run = [c, dx_name = destination == Destination::onto_dy ? "dy" : "dx"](Stream& stream, Arguments& a) {
            with_type(a.type("x"), [&]<class T>() {
              ON_DEVICE_AS((T), batch_norm_backward, stream, a.view<T>("dy"), a.view<T>("x"), a.data("gamma"),
                           a.data("beta"), a.data("mean"), a.data("inv_std"), c.act, a.view<T>(dx_name),
                           a.data("dgamma"), a.data("dbeta"));
            });
          }};
}

std::vector<NormCase> cases() {
  return {
      {.shape = {2, 7, 5, 31}, .act = Activation::relu},
      {.shape = {2, 7, 5, 33}, .act = Activation::relu6, .x = {3, 2}, .y = {0, 5}},
      {.shape = {1, 7, 5, 257}, .epsilon = 1e-5F, .momentum = 0.9F, .x = {0, 1}, .y = {1, 0}},
      {.shape = {3, 2, 1, 1}, .act = Activation::relu},
      {.shape = {1, 1, 1, 33}},  // one pixel: variance 0, y = beta
      {.shape = {1, 1, 1, 1}, .act = Activation::relu6},
      {.shape = {2, 1, 1, 31}, .momentum = 0.0F},
      {.shape = {2, 9, 9, 16}, .offset = 100, .spread = 0.1},  // the mean far outside of the spread
      {.shape = {2, 9, 9, 3}, .act = Activation::relu6, .offset = 1, .spread = 1e-4},  // epsilon above the variance
      {.shape = {2, 7, 5, 8}, .momentum = 1.0F, .spread = 1000},
      {.shape = {2, 64, 64, 64}, .act = Activation::relu, .y = {0, 96}},  // as behind the decoder's fourth layer
      {.shape = {4, 8, 8, 512}, .act = Activation::relu},
      {.shape = {3, 40, 40, 8}, .act = Activation::relu6, .x = {8, 0}, .y = {0, 8}},  // many pixels, few channels
  };
}

TEST(BatchNormReference, GradientsAgreeWithDifferences) {
  for (const Activation act : {Activation::none, Activation::relu, Activation::relu6}) {
    const NormCase c{.shape = {2, 3, 2, 3}, .act = act};
    const auto o = operands(c);
    const auto epsilon = static_cast<double>(c.epsilon);
    const GradientCase op{.name = text(act),
                          .inputs = {o->x, o->gamma, o->beta},
                          .forward =
                              [epsilon, act](const std::vector<Array>& in) {
                                Array y = reference::batch_norm_forward(in[0], in[1], in[2],
                                                                        reference::batch_statistics(in[0], epsilon));
                                for (double& v : y.values) v = reference::activate(act, v);
                                return y;
                              },
                          .backward =
                              [epsilon, act](const std::vector<Array>& in, const Array& dy) {
                                const auto r = reference::batch_norm_backward(dy, in[0], in[1], in[2], epsilon, act);
                                return std::vector<Array>{r.dx, r.dgamma, r.dbeta};
                              }};
    EXPECT_EQ(gradient_faults(op), "");
  }
}

TEST(BatchNormReference, KnownAnswer) {
  Array x({2, 1, 2, 1}), gamma({1, 1, 1, 1}), beta({1, 1, 1, 1});
  x.values = {1, 3, 5, 7};  // mean 4, population variance 5
  gamma.values = {3};
  beta.values = {2};
  const auto s = reference::batch_statistics(x, 4);
  EXPECT_EQ(s.variance[0], 5);
  EXPECT_EQ(reference::batch_norm_forward(x, gamma, beta, s).values, (std::vector<double>{-1, 1, 3, 5}));
}

TEST(BatchNorm, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const NormCase& c : cases()) {
    if (c.offset != 0) continue;  // 8 bits hold no small spread around a large mean
    EXPECT_EQ(faults(forward(c, true)), "");
    EXPECT_EQ(faults(inference(c, true)), "");
    for (const Destination to : {Destination::beside, Destination::onto_dy, Destination::none}) {
      EXPECT_EQ(faults(backward(c, to)), "");
    }
  }
}

TEST(BatchNorm, Forward) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(forward(c, true)), "");
}
TEST(BatchNorm, ForwardWithoutMovingStatistics) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(forward(c, false)), "");
}
TEST(BatchNorm, Inference) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(inference(c, false)), "");
}
TEST(BatchNorm, InferenceInPlace) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(inference(c, true)), "");
}
TEST(BatchNorm, Backward) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(backward(c, Destination::beside)), "");
}
TEST(BatchNorm, BackwardOntoDy) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(backward(c, Destination::onto_dy)), "");
}
TEST(BatchNorm, BackwardWithoutDx) {
  for (const NormCase& c : cases()) EXPECT_EQ(faults(backward(c, Destination::none)), "");
}

}  // namespace
}  // namespace karyon::testing
