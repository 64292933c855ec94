// A data set of bytes where the kernels can read it.
// Invariant: it is the caller's own memory, which must outlive it, on the CPU; on CUDA a copy in the device's memory,
// so that an epoch moves nothing but an order of indices, unless the images themselves were changed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/tensor.h"

namespace karyon {

class ResidentSet {
 public:
  /// images [count, height, width, 3], labels [count, height, width], dense. Error out_of_memory where they do not fit.
  ResidentSet(Context& context, std::span<const std::uint8_t> images, std::span<const std::uint8_t> labels, int height,
              int width);

  /// To be called when the caller's bytes have changed.
  void reload(const Stream& stream);

  /// In device memory.
  [[nodiscard]] const std::uint8_t* images() const { return images_; }
  [[nodiscard]] const std::uint8_t* labels() const { return labels_; }
  [[nodiscard]] int height() const { return height_; }
  [[nodiscard]] int width() const { return width_; }

 private:
  std::span<const std::uint8_t> host_images_, host_labels_;
  std::optional<Buffer> copy_;
  const std::uint8_t* images_;
  const std::uint8_t* labels_;
  int height_, width_;
};

}  // namespace karyon
