#include "apps/inference/predictor.h"

#include <algorithm>
#include <numeric>

#include "apps/images/resize.h"
#include "apps/models/model_file.h"
#include "kernels/check.h"
#include "kernels/resize.h"
#include "kernels/softmax.h"

namespace karyon {

Predictor::Predictor(Context& context, const std::string& model_path)
    : context_(context), description_(load_checkpoint(model_path)) {
  unet_ = load_unet(context, description_, model_path);
  description_.tensors.clear();
  description_.tensors.shrink_to_fit();
}

std::vector<std::vector<float>> Predictor::probabilities(std::span<const Picture* const> pictures) {
  const int n = static_cast<int>(pictures.size()), h = description_.image_height, w = description_.image_width;
  Stream& stream = context_.stream();
  const std::size_t bytes = static_cast<std::size_t>(h) * static_cast<std::size_t>(w) * 3;
  std::vector<std::uint8_t> resized(bytes * pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    resize_picture(stream, *pictures[i], h, w, resized.data() + i * bytes);
  }
  std::vector<std::int32_t> order(pictures.size());
  std::iota(order.begin(), order.end(), 0);
  const Tensor x = Tensor::empty(context_, {n, h, w, 3});
  ON_DEVICE(augment_images, stream, resized.data(), order.data(), nullptr, description_.normalisation, x.view());
  const Tensor logits = unet_->infer(x);
  ON_DEVICE(softmax, stream, logits.view(), logits.view());

  std::vector<std::vector<float>> results;
  const FloatView background = logits.channels(0, 1).view();
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Picture& picture = *pictures[i];
    std::vector<float>& result = results.emplace_back(picture.count());
    const ConstFloatView small(background.at(static_cast<int>(i), 0, 0), 1, h, w, 1, background.pitch);
    ON_DEVICE(resize_bilinear, stream, small, FloatView(result.data(), 1, picture.height, picture.width, 1));
    for (float& p : result) p = std::clamp(1.0F - p, 0.0F, 1.0F);
  }
  return results;
}

}  // namespace karyon
