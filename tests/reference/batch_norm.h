// The formula of kernels/batch_norm.h.
// Invariant: a channel is normalised by its own mean and population variance (divisor n*h*w); gradients go through
// both.
#pragma once

#include "tests/reference/activation.h"
#include "tests/reference/array.h"

namespace karyon::reference {

struct ChannelStatistics {
  std::vector<double> mean, variance, inv_std;
  std::vector<double> mean_magnitude;  // of |x|: the scale of the rounding error in x - mean
};

inline ChannelStatistics batch_statistics(const Array& x, double epsilon) {
  const auto channels = static_cast<std::size_t>(x.shape[3]);
  const double pixels = static_cast<double>(x.values.size()) / static_cast<double>(channels);
  ChannelStatistics s;
  s.mean.assign(channels, 0);
  s.variance = s.inv_std = s.mean_magnitude = s.mean;
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    s.mean[i % channels] += x.values[i] / pixels;
    s.mean_magnitude[i % channels] += std::abs(x.values[i]) / pixels;
  }
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const double centred = x.values[i] - s.mean[i % channels];
    s.variance[i % channels] += centred * centred / pixels;
  }
  for (std::size_t c = 0; c < channels; ++c) s.inv_std[c] = 1 / std::sqrt(s.variance[c] + epsilon);
  return s;
}

/// Before the activation; at(c) of the statistics are the batch's in training, the moving ones in inference.
inline Array batch_norm_forward(const Array& x, const Array& gamma, const Array& beta, const ChannelStatistics& s) {
  return build(x.shape, [&](int n, int h, int w, int c) {
    const auto channel = static_cast<std::size_t>(c);
    return gamma.at(c) * (x.at(n, h, w, c) - s.mean[channel]) * s.inv_std[channel] + beta.at(c);
  });
}

struct BatchNormGradients {
  Array dx, dgamma, dbeta;
  // For tolerances: the means over the pixels of |g| and |g * x_hat|, per channel.
  std::vector<double> mean_g_magnitude, mean_gx_magnitude;
};

/// With g = dy * act'(y) and x_hat = (x - mean) * inv_std:
///   dbeta = sum g, dgamma = sum g * x_hat, dx = gamma * inv_std * (g - mean(g) - x_hat * mean(g * x_hat)).
inline BatchNormGradients batch_norm_backward(const Array& dy, const Array& x, const Array& gamma, const Array& beta,
                                              double epsilon, Activation act) {
  const ChannelStatistics s = batch_statistics(x, epsilon);
  const Array y = batch_norm_forward(x, gamma, beta, s);
  const auto channels = static_cast<std::size_t>(x.shape[3]);
  const double pixels = static_cast<double>(x.values.size()) / static_cast<double>(channels);
  BatchNormGradients result;
  result.dx = Array(x.shape);
  result.dgamma = result.dbeta = Array(gamma.shape);
  result.mean_g_magnitude.assign(channels, 0);
  result.mean_gx_magnitude.assign(channels, 0);
  const auto g = [&](std::size_t i) { return dy.values[i] * activation_slope(act, y.values[i]); };
  const auto x_hat = [&](std::size_t i) { return (x.values[i] - s.mean[i % channels]) * s.inv_std[i % channels]; };
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    result.dbeta.values[i % channels] += g(i);
    result.dgamma.values[i % channels] += g(i) * x_hat(i);
    result.mean_g_magnitude[i % channels] += std::abs(g(i)) / pixels;
    result.mean_gx_magnitude[i % channels] += std::abs(g(i) * x_hat(i)) / pixels;
  }
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const std::size_t c = i % channels;
    result.dx.values[i] = gamma.values[c] * s.inv_std[c] *
                          (g(i) - result.dbeta.values[c] / pixels - x_hat(i) * result.dgamma.values[c] / pixels);
  }
  return result;
}

}  // namespace karyon::reference
