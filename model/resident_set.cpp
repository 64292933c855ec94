#include "model/resident_set.h"

#include "kernels/copy.h"

namespace karyon {

ResidentSet::ResidentSet(Context& context, std::span<const std::uint8_t> images, std::span<const std::uint8_t> labels,
                         int height, int width)
    : host_images_(images),
      host_labels_(labels),
      images_(images.data()),
      labels_(labels.data()),
      height_(height),
      width_(width) {
  if (!context.stream().device().is_cuda()) return;
  copy_.emplace(context, images.size() + labels.size());
  images_ = copy_->as<std::uint8_t>();
  labels_ = images_ + images.size();
  reload(context.stream());
}

void ResidentSet::reload(const Stream& stream) {
  if (!copy_) return;
  auto* bytes = copy_->as<std::uint8_t>();
  upload(stream, bytes, host_images_.data(), host_images_.size());
  upload(stream, bytes + host_images_.size(), host_labels_.data(), host_labels_.size());
}

}  // namespace karyon
