// What the network says about single images of the resident set: for pictures, and for the worst ones in the report.
// Invariant: the network is folded; images come in the order asked for, unflipped.
#pragma once

#include <span>
#include <vector>

#include "model/batches.h"
#include "model/unet.h"

namespace karyon {

struct Prediction {
  std::int32_t image = 0;           // index into the set
  std::vector<float> probability;   // of not being background, height * width
  std::vector<std::uint8_t> label;  // 1 where a class other than the background has the highest logit
};

/// `batch_size` images at a time.
std::vector<Prediction> predict(Context& context, const UNet& unet, const ResidentSet& set,
                                std::span<const std::int32_t> images, int batch_size,
                                const Normalisation& normalisation, ElementType type);

/// A training image as the network gets it in epoch 1, flipped and otherwise augmented, as bytes again.
struct AugmentedImage {
  std::int32_t image = 0;           // index into the set
  std::vector<std::uint8_t> rgb;    // height * width * 3
  std::vector<std::uint8_t> label;  // height * width
};

/// The first `count` of the epoch, or fewer where there are fewer.
std::vector<AugmentedImage> first_augmented(Context& context, const ResidentSet& set,
                                            std::span<const std::int32_t> images, std::uint64_t seed, int count,
                                            const Normalisation& normalisation, const AugmentSettings& augment);

}  // namespace karyon
