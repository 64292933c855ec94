#include "apps/training/batches.h"

#include <algorithm>

#include "engine/random.h"

namespace karyon {

Batches::Batches(Context& context, const TrainingSet& set, std::span<const std::int32_t> indices, int batch_size,
                 const Normalisation& normalisation)
    : context_(context),
      set_(set),
      order_(indices.begin(), indices.end()),
      original_(order_),
      flips_(order_.size(), 0),
      batch_size_(std::min<int>(batch_size, static_cast<int>(order_.size()))),
      normalisation_(normalisation),
      full_(Tensor::empty(context, {batch_size_, set.height, set.width, 3})),
      labels_(context, static_cast<std::size_t>(batch_size_) * static_cast<std::size_t>(set.height) *
                           static_cast<std::size_t>(set.width)) {}

void Batches::shuffle(std::uint64_t seed, std::uint32_t epoch) {
  const auto permutation =
      RandomStream(seed, Purpose::shuffle, epoch).permutation(static_cast<std::int32_t>(original_.size()));
  for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = original_[static_cast<std::size_t>(permutation[i])];
  RandomStream flips(seed, Purpose::flips, epoch);
  for (std::uint8_t& f : flips_) f = static_cast<std::uint8_t>(flips.below(4));
}

int Batches::count() const { return (static_cast<int>(order_.size()) + batch_size_ - 1) / batch_size_; }

int Batches::size(int k) const { return std::min(batch_size_, static_cast<int>(order_.size()) - k * batch_size_); }

Tensor Batches::images(int k) {
  const ProfileScope scope(context_.profile(), "augment");
  const Tensor x = full_.slice(0, {size(k), set_.height, set_.width, 3});
  const auto first = static_cast<std::size_t>(k) * static_cast<std::size_t>(batch_size_);
  ON_DEVICE(augment_images, context_.stream(), set_.images.data(), order_.data() + first, flips_.data() + first,
            normalisation_, x.view());
  x.mark_changed();
  return x;
}

const std::uint8_t* Batches::labels(int k) {
  const auto first = static_cast<std::size_t>(k) * static_cast<std::size_t>(batch_size_);
  ON_DEVICE(augment_labels, context_.stream(), set_.labels.data(), order_.data() + first, flips_.data() + first,
            size(k), set_.height, set_.width, labels_.as<std::uint8_t>());
  return labels_.as<std::uint8_t>();
}

}  // namespace karyon
