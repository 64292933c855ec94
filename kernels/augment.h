// A batch out of the resident data set: gathers images by index, flips them, and normalises uint8 to float.
//   y[i, p, q, ch] = images[index[i], p', q', ch] * scale[ch] + shift[ch],
//   p' = h-1-p if flips[i] & 2 (up-down), q' = w-1-q if flips[i] & 1 (left-right)
// Layouts: images uint8 [count, h, w, 3] dense; labels uint8 [count, h, w] dense; y NHWC of any pitch, c = 3. All of
// it, index and flips too, lies in the stream's device memory. No backward: the images are inputs.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// Maps a byte to the network's input: x * scale + shift for each channel (x / 127.5 - 1: scale 1/127.5, shift -1).
struct Normalisation {
  float scale[3] = {1.0F / 127.5F, 1.0F / 127.5F, 1.0F / 127.5F};
  float shift[3] = {-1.0F, -1.0F, -1.0F};
};

/// index and flips have y.n entries; flips may be null (none).
KERNEL_AS(augment_images, (Stream & stream, const std::uint8_t* images, const std::int32_t* index,
                           const std::uint8_t* flips, const Normalisation& normalisation, View<T> y))
/// batch: [count, h, w], the labels of the same images flipped the same way.
KERNEL(augment_labels, (Stream & stream, const std::uint8_t* labels, const std::int32_t* index,
                        const std::uint8_t* flips, int count, int h, int w, std::uint8_t* batch))

}  // namespace karyon
