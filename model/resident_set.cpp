#include "model/resident_set.h"

#include "kernels/copy.h"

namespace karyon {

ResidentSet::ResidentSet(Context& context, std::span<const std::uint8_t> images, std::span<const std::uint8_t> labels,
                         int height, int width)
    : images_(images.data()), labels_(labels.data()), height_(height), width_(width) {
  if (!context.stream().device().is_cuda()) return;
  copy_.emplace(context, images.size() + labels.size());
  auto* bytes = copy_->as<std::uint8_t>();
  upload(context.stream(), bytes, images.data(), images.size());
  upload(context.stream(), bytes + images.size(), labels.data(), labels.size());
  images_ = bytes;
  labels_ = bytes + images.size();
}

}  // namespace karyon
