// From pictures of any size to the probability of nucleus at every pixel.
// Invariant: a picture is resized to the model's training size exactly as the training data were (bilinear, rounded to
// bytes), and the probabilities are resized back bilinearly before any threshold.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "apps/images/picture.h"
#include "model/unet.h"
#include "weights/checkpoint.h"

namespace karyon {

class Predictor {
 public:
  /// Errors of load_checkpoint and load_unet.
  Predictor(Context& context, const std::string& model_path);

  /// RGB pictures -> for each height * width probabilities of any class but background.
  std::vector<std::vector<float>> probabilities(std::span<const Picture* const> pictures);
  [[nodiscard]] const Checkpoint& description() const { return description_; }

 private:
  Context& context_;
  Checkpoint description_;  // without its tensors
  std::unique_ptr<UNet> unet_;
};

}  // namespace karyon
