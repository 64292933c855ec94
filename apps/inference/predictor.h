// From pictures at the model's size to the probability of nucleus at every pixel, and that at any other size.
// Invariant: pictures come resized by resize_picture, exactly as the training data were, and probabilities are resized
// back bilinearly before any threshold.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/unet.h"
#include "weights/checkpoint.h"

namespace karyon {

class Predictor {
 public:
  /// Errors of load_checkpoint and load_unet.
  Predictor(Context& context, const std::string& model_path, ElementType type);

  /// images: RGB bytes on the host, dense NHWC at the model's size; those at `indices` (ascending) are computed.
  /// Returns, in the order of indices, height * width probabilities of any class but background each.
  std::vector<float> probabilities(const std::uint8_t* images, std::span<const std::int32_t> indices);
  [[nodiscard]] const Checkpoint& description() const { return description_; }
  /// Of the images it takes.
  [[nodiscard]] int height() const { return description_.image_height; }
  [[nodiscard]] int width() const { return description_.image_width; }
  [[nodiscard]] std::size_t pixels() const;

  /// One image's probabilities (pixels() of them) at another size, each within 0 .. 1.
  std::vector<float> at_size(Stream& stream, const float* probabilities, int to_height, int to_width) const;

 private:
  Context& context_;
  ElementType type_;        // of activations
  Checkpoint description_;  // without its tensors
  std::unique_ptr<UNet> unet_;
};

}  // namespace karyon
