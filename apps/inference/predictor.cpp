#include "apps/inference/predictor.h"

#include <algorithm>

#include "apps/models/model_file.h"
#include "kernels/augment.h"
#include "kernels/copy.h"
#include "kernels/resize.h"
#include "kernels/softmax.h"
#include "model/resident_set.h"

namespace karyon {

Predictor::Predictor(Context& context, const std::string& model_path, ElementType type)
    : context_(context), type_(type), description_(load_checkpoint(model_path)) {
  unet_ = load_unet(context, description_, model_path);
  description_.tensors.clear();
  description_.tensors.shrink_to_fit();
}

std::size_t Predictor::pixels() const { return static_cast<std::size_t>(height()) * static_cast<std::size_t>(width()); }

std::vector<float> Predictor::probabilities(const std::uint8_t* images, std::span<const std::int32_t> indices) {
  const int n = static_cast<int>(indices.size());
  Stream& stream = context_.stream();
  const std::size_t count = static_cast<std::size_t>(indices.back()) + 1;
  const ResidentSet resident(context_, {images, count * pixels() * 3}, {}, height(), width());
  const Buffer index(context_, indices.size_bytes());
  upload(stream, index.as<void>(), indices.data(), indices.size_bytes());
  const Tensor x = Tensor::empty(context_, {n, height(), width(), 3}, type_);
  with_type(type_, [&]<class T>() {
    ON_DEVICE_AS((T), augment_images, stream, resident.images(), index.as<std::int32_t>(), nullptr,
                 description_.normalisation, x.view<T>());
  });
  const Tensor logits = unet_->infer(x);
  ON_DEVICE(softmax, stream, logits.view(), logits.view());
  const std::vector<float> background = logits.to_vector();
  std::vector<float> result(indices.size() * pixels());
  const auto classes = static_cast<std::size_t>(description_.classes);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = 1.0F - background[i * classes];
  return result;
}

std::vector<float> Predictor::at_size(Stream& stream, const float* probabilities, int to_height, int to_width) const {
  std::vector<float> result(static_cast<std::size_t>(to_height) * static_cast<std::size_t>(to_width));
  ON_DEVICE(resize_bilinear, stream, ConstFloatView(probabilities, 1, height(), width(), 1),
            FloatView(result.data(), 1, to_height, to_width, 1));
  for (float& p : result) p = std::clamp(p, 0.0F, 1.0F);
  return result;
}

}  // namespace karyon
