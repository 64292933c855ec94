#include "tests/encoder_taps.h"

#include <algorithm>

#include "apps/models/model_file.h"
#include "kernels/augment.h"
#include "kernels/batch_norm.h"
#include "kernels/check.h"

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
    return array(weights, std::string("block_16_project_BN/") + name, source).values.data();
  };
  ON_DEVICE(batch_norm_inference, context.stream(), tap.view(), part("gamma"), part("beta"), part("moving_mean"),
            part("moving_variance"), static_cast<float>(weights.batch_norm_epsilon), Activation::none, y.view());
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
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  ON_DEVICE(augment_images, context.stream(), images.data(), order.data(), nullptr, weights.normalisation, x.view());
  const MobileNetV2::Taps taps = encoder.infer(context, x);
  std::map<std::string, Tensor> results;
  for (std::size_t i = 0; i < taps.size(); ++i) results.emplace(kTapNames[i], taps[i]);
  results.emplace("block_16_project_BN", project_norm(context, weights, source, taps[kTaps - 1]));
  return results;
}

}  // namespace karyon
