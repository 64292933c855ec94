#include "model/reestimate.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "kernels/batch_norm.h"

namespace karyon {

namespace {

/// Mean and population variance of each channel over all pixels so far.
struct Moments {
  double pixels = 0;
  std::vector<double> mean, m2;  // m2: the sum of squared distances from the mean

  void add(double count, const std::vector<float>& batch_mean, const std::vector<float>& batch_variance) {
    mean.resize(batch_mean.size());
    m2.resize(batch_mean.size());
    const double total = pixels + count;
    for (std::size_t c = 0; c < mean.size(); ++c) {
      const double apart = static_cast<double>(batch_mean[c]) - mean[c];
      m2[c] += static_cast<double>(batch_variance[c]) * count + apart * apart * pixels * count / total;
      mean[c] += apart * count / total;
    }
    pixels = total;
  }
  [[nodiscard]] double variance(std::size_t channel) const { return m2[channel] / pixels; }
};

/// The moments of z: what batch norm in training takes of a batch, and moves to with momentum 0.
void add_moments(Context& context, const BatchNorm& norm, const Tensor& z, Moments& moments) {
  const Shape& channels = norm.gamma.value.shape();
  const Tensor y = Tensor::empty(context, z.shape(), z.type());
  const Tensor saved_mean = Tensor::empty(context, channels), inv_std = Tensor::empty(context, channels);
  const Tensor mean = Tensor::zeros(context, channels), variance = Tensor::zeros(context, channels);
  with_type(z.type(), [&]<class T>() {
    ON_DEVICE_AS((T), batch_norm_forward, context.stream(), z.view<T>(), norm.gamma.value.data(),
                 norm.beta.value.data(), norm.epsilon(), 0.0F, Activation::none, y.view<T>(), saved_mean.data(),
                 inv_std.data(), mean.data(), variance.data());
  });
  moments.add(static_cast<double>(z.size()) / z.shape().back(), mean.to_vector(), variance.to_vector());
}

void assign(const BatchNorm& norm, const Moments& moments) {
  std::vector<float> gamma = norm.gamma.value.to_vector(), beta = norm.beta.value.to_vector(),
                     mean = norm.moving_mean.value.to_vector(), variance = norm.moving_variance.value.to_vector();
  const auto epsilon = static_cast<double>(norm.epsilon());
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double a = static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    const double b = static_cast<double>(beta[c]) - a * static_cast<double>(mean[c]);
    gamma[c] = static_cast<float>(a * std::sqrt(moments.variance(c) + epsilon));
    beta[c] = static_cast<float>(b + a * moments.mean[c]);
    mean[c] = static_cast<float>(moments.mean[c]);
    variance[c] = static_cast<float>(moments.variance(c));
  }
  norm.gamma.value.assign(gamma);
  norm.beta.value.assign(beta);
  norm.moving_mean.value.assign(mean);
  norm.moving_variance.value.assign(variance);
}

/// Walks through the encoder in inference, measuring what every convolution gives on the way.
class Survey {
 public:
  Survey(Context& context, MobileNetV2& encoder) : context_(context), encoder_(encoder), no_tape_(context, false) {}

  void add(const Tensor& x) {
    Tensor h = pass(encoder_.stem(), x);
    for (const MobileNetV2::Block& block : encoder_.blocks()) {
      const Tensor expanded = block.expand ? pass(*block.expand, h) : h;
      const Tensor spatial = pass(*block.depthwise, expanded);
      if (block.project->norm() == nullptr) return;  // the last one: nothing behind it has a batch norm
      h = pass(*block.project, spatial, block.residual ? h : Tensor());
    }
  }
  void assign_all() const {
    for (const auto& [norm, moments] : moments_) assign(*norm, moments);
  }

 private:
  Tensor pass(ConvUnit& unit, const Tensor& x, const Tensor& residual = {}) {
    add_moments(context_, *unit.norm(), unit.convolve(no_tape_, x), moments_[unit.norm()]);
    return unit.infer(no_tape_, x, residual);
  }

  Context& context_;
  MobileNetV2& encoder_;
  Tape no_tape_;
  std::map<const BatchNorm*, Moments> moments_;
};

}  // namespace

void reestimate_batch_norm(Context& context, MobileNetV2& encoder, Batches& batches, int most_batches) {
  encoder.fold(context);
  Survey survey(context, encoder);
  batches.begin_in_order();
  for (int k = 0; k < std::min(most_batches, batches.count()); ++k) survey.add(batches.next(batches.size(k)).x);
  survey.assign_all();
  encoder.fold(context);
}

}  // namespace karyon
