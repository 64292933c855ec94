#include "model/batches.h"

#include <algorithm>

#include "engine/random.h"
#include "kernels/check.h"
#include "kernels/copy.h"
#include "kernels/step_window.h"

namespace karyon {

namespace {

std::size_t pixels(const ResidentSet& set) {
  return static_cast<std::size_t>(set.height()) * static_cast<std::size_t>(set.width());
}

}  // namespace

Batches::Batches(Context& context, const ResidentSet& set, std::span<const std::int32_t> indices, int batch_size,
                 const Normalisation& normalisation, ElementType type, const AugmentSettings& augment)
    : context_(context),
      set_(set),
      order_(indices.begin(), indices.end()),
      batch_size_(std::min<int>(batch_size, static_cast<int>(order_.size()))),
      normalisation_(normalisation),
      full_(Tensor::empty(context, {batch_size_, set.height(), set.width(), 3}, type)),
      labels_(context, static_cast<std::size_t>(batch_size_) * pixels(set)),
      epoch_order_(context, order_.size() * sizeof(std::int32_t)),
      epoch_flips_(context, order_.size()),
      epoch_rates_(context, static_cast<std::size_t>(count()) * sizeof(AdamRate)),
      position_(context, sizeof(std::int32_t)),
      index_(context, static_cast<std::size_t>(batch_size_) * sizeof(std::int32_t)),
      flips_(context, static_cast<std::size_t>(batch_size_)),
      rate_(context, sizeof(AdamRate)),
      augment_(augment),
      distorted_images_(static_cast<std::size_t>(*std::max_element(order_.begin(), order_.end())) + 1) {
  check_augmentation(augment, set.height(), set.width());
  if (augment.any()) distortions_.emplace(context, distorted_images_ * sizeof(Distortion));
  // In order nobody asks for rates, but they are read all the same.
  clear(context.stream(), epoch_rates_.as<void>(), static_cast<std::size_t>(count()) * sizeof(AdamRate));
}

void Batches::begin(std::span<const std::int32_t> order, std::span<const std::uint8_t> flips,
                    std::span<const AdamRate> rates, std::int32_t first) {
  const Stream& stream = context_.stream();
  upload(stream, epoch_order_.as<void>(), order.data(), order.size_bytes());
  upload(stream, epoch_flips_.as<void>(), flips.data(), flips.size_bytes());
  if (!rates.empty()) upload(stream, epoch_rates_.as<void>(), rates.data(), rates.size_bytes());
  upload(stream, position_.as<void>(), &first, sizeof first);
}

void Batches::begin_training(std::uint64_t seed, std::uint32_t epoch, std::span<const AdamRate> rates, int first) {
  KARYON_CHECK(static_cast<int>(rates.size()) == count(), "a rate for every batch");
  const auto permutation =
      RandomStream(seed, Purpose::shuffle, epoch).permutation(static_cast<std::int32_t>(order_.size()));
  std::vector<std::int32_t> order(order_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = order_[static_cast<std::size_t>(permutation[i])];
  std::vector<std::uint8_t> flips(order_.size());
  RandomStream random(seed, Purpose::flips, epoch);
  for (std::uint8_t& f : flips) f = static_cast<std::uint8_t>(random.below(4));
  begin(order, flips, rates, first);
  distorts_ = augment_.any();
  if (!distorts_) return;
  const std::vector<Distortion> distortions = draw_distortions(augment_, seed, epoch, distorted_images_);
  upload(context_.stream(), distortions_->as<void>(), distortions.data(), distortions.size() * sizeof(Distortion));
}

void Batches::begin_in_order() {
  begin(order_, std::vector<std::uint8_t>(order_.size(), 0), {}, 0);
  distorts_ = false;
}

int Batches::count() const { return (static_cast<int>(order_.size()) + batch_size_ - 1) / batch_size_; }

int Batches::size(int k) const { return std::min(batch_size_, static_cast<int>(order_.size()) - k * batch_size_); }

void Batches::queue_images_and_labels(int images, const Tensor& x) {
  Stream& stream = context_.stream();
  const auto* index = index_.as<std::int32_t>();
  const auto* flips = flips_.as<std::uint8_t>();
  auto* labels = labels_.as<std::uint8_t>();
  const int h = set_.height(), w = set_.width();
  if (!distorts_) {
    with_type(x.type(), [&]<class T>() {
      ON_DEVICE_AS((T), augment_images, stream, set_.images(), index, flips, normalisation_, x.view<T>());
    });
    ON_DEVICE(augment_labels, stream, set_.labels(), index, flips, images, h, w, labels);
    return;
  }
  const auto* distortions = distortions_->as<Distortion>();
  with_type(x.type(), [&]<class T>() {
    ON_DEVICE_AS((T), distort_images, stream, set_.images(), index, flips, distortions, normalisation_, x.view<T>());
  });
  ON_DEVICE(distort_labels, stream, set_.labels(), index, flips, distortions, images, h, w, labels);
}

Batches::Batch Batches::next(int images) {
  const ProfileScope scope(context_.profile(), "augment");
  context_.set_room(images, batch_size_);
  ON_DEVICE(next_step, context_.stream(), epoch_order_.as<std::int32_t>(), epoch_flips_.as<std::uint8_t>(),
            epoch_rates_.as<AdamRate>(), images, batch_size_, position_.as<std::int32_t>(), index_.as<std::int32_t>(),
            flips_.as<std::uint8_t>(), rate_.as<AdamRate>());
  const Tensor x = full_.slice(0, {images, set_.height(), set_.width(), 3});
  queue_images_and_labels(images, x);
  x.mark_changed();
  return {x, labels_.as<std::uint8_t>(), rate_.as<AdamRate>()};
}

}  // namespace karyon
