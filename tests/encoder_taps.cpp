#include "tests/encoder_taps.h"

#include <algorithm>
#include <numeric>

#include "apps/models/model_file.h"
#include "kernels/augment.h"
#include "kernels/batch_norm.h"
#include "kernels/check.h"
#include "kernels/copy.h"

namespace karyon {

namespace {

const NamedArray& array(const EncoderWeights& weights, const std::string& name, const std::string& source) {
  const auto found =
      std::find_if(weights.tensors.begin(), weights.tensors.end(), [&](const NamedArray& a) { return a.name == name; });
  if (found == weights.tensors.end()) throw Error(Exit::bad_data, source + ": no " + name);
  return *found;
}

/// What Keras's layer block_16_project_BN gives for the tap before it.
Tensor project_norm(Context& context, const EncoderWeights& weights, const std::string& source, const Tensor& tap) {
  const Tensor y = Tensor::empty(context, tap.shape());
  const auto part = [&](const char* name) {
    return Tensor::from(context, {tap.shape().back()},
                        array(weights, std::string("block_16_project_BN/") + name, source).values);
  };
  const Tensor gamma = part("gamma"), beta = part("beta");
  const Tensor mean = part("moving_mean"), variance = part("moving_variance");
  ON_DEVICE_AS((float), batch_norm_inference, context.stream(), tap.view(), gamma.data(), beta.data(), mean.data(),
               variance.data(), static_cast<float>(weights.batch_norm_epsilon), Activation::none, y.view());
  return y;
}

}  // namespace

std::map<std::string, Tensor> encoder_taps(Context& context, const EncoderWeights& weights, const std::string& source,
                                           const std::vector<std::uint8_t>& images, int n, int h, int w) {
  EncoderOptions options;
  options.width = weights.width;
  options.padding = padding_rule(weights.padding, source);
  options.epsilon = static_cast<float>(weights.batch_norm_epsilon);
  MobileNetV2 encoder(context, "encoder", options);
  assign_encoder(encoder, weights, source);
  encoder.fold(context);

  const Tensor x = Tensor::empty(context, {n, h, w, 3});
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const Buffer pixels(context, images.size()), index(context, order.size() * sizeof(std::int32_t));
  upload(context.stream(), pixels.as<void>(), images.data(), images.size());
  upload(context.stream(), index.as<void>(), order.data(), order.size() * sizeof(std::int32_t));
  ON_DEVICE_AS((float), augment_images, context.stream(), pixels.as<std::uint8_t>(), index.as<std::int32_t>(), nullptr,
               weights.normalisation, x.view());
  const MobileNetV2::Taps taps = encoder.infer(context, x);
  std::map<std::string, Tensor> results;
  for (std::size_t i = 0; i < taps.size(); ++i) results.emplace(kTapNames[i], taps[i]);
  results.emplace("block_16_project_BN", project_norm(context, weights, source, taps[kTaps - 1]));
  return results;
}

}  // namespace karyon
