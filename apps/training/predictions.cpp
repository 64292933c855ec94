#include "apps/training/predictions.h"

#include <algorithm>
#include <cmath>

#include "engine/random.h"
#include "kernels/copy.h"

namespace karyon {

namespace {

/// Of one pixel's logits: the probability of all classes but 0, and whether one of them is the highest.
void read_pixel(std::span<const float> logits, float& probability, std::uint8_t& label) {
  const float highest = std::ranges::max(logits);
  float sum = 0;
  for (const float logit : logits) sum += std::exp(logit - highest);
  probability = 1 - std::exp(logits[0] - highest) / sum;
  label = logits[0] < highest ? 1 : 0;
}

}  // namespace

std::vector<Prediction> predict(Context& context, const UNet& unet, const ResidentSet& set,
                                std::span<const std::int32_t> images, int batch_size,
                                const Normalisation& normalisation, ElementType type) {
  std::vector<Prediction> predictions;
  if (images.empty()) return predictions;
  Batches batches(context, set, images, batch_size, normalisation, type);
  batches.begin_in_order();
  const std::size_t pixels = static_cast<std::size_t>(set.height()) * static_cast<std::size_t>(set.width());
  for (int k = 0; k < batches.count(); ++k) {
    const int size = batches.size(k);
    const std::vector<float> logits = unet.infer(batches.next(size).x).to_vector();
    const std::size_t classes = logits.size() / (static_cast<std::size_t>(size) * pixels);
    for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
      Prediction& p = predictions.emplace_back();
      p.image = images[predictions.size() - 1];
      p.probability.resize(pixels);
      p.label.resize(pixels);
      for (std::size_t at = 0; at < pixels; ++at) {
        read_pixel(std::span(logits).subspan((i * pixels + at) * classes, classes), p.probability[at], p.label[at]);
      }
    }
  }
  return predictions;
}

std::vector<AugmentedImage> first_augmented(Context& context, const ResidentSet& set,
                                            std::span<const std::int32_t> images, std::uint64_t seed, int count,
                                            const Normalisation& normalisation, const AugmentSettings& augment) {
  Batches batches(context, set, images, count, normalisation, ElementType::f32, augment);
  batches.begin_training(seed, 1, std::vector<AdamRate>(static_cast<std::size_t>(batches.count())));
  const Batches::Batch batch = batches.next(batches.size(0));
  const std::vector<float> x = batch.x.to_vector();
  const std::size_t pixels = static_cast<std::size_t>(set.height()) * static_cast<std::size_t>(set.width());
  std::vector<std::uint8_t> labels(x.size() / 3);
  download(context.stream(), labels.data(), batch.labels, labels.size());
  const auto order = RandomStream(seed, Purpose::shuffle, 1).permutation(static_cast<std::int32_t>(images.size()));
  std::vector<AugmentedImage> result(labels.size() / pixels);
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i].image = images[static_cast<std::size_t>(order[i])];
    result[i].label.assign(&labels[i * pixels], &labels[i * pixels] + pixels);
    for (std::size_t at = 0; at < 3 * pixels; ++at) {
      const float byte = (x[i * pixels * 3 + at] - normalisation.shift[at % 3]) / normalisation.scale[at % 3];
      result[i].rgb.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(byte), 0L, 255L)));
    }
  }
  return result;
}

}  // namespace karyon
