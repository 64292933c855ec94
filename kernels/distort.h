// A batch out of the resident data set with the stronger augmentations: what kernels/augment.h does, and between
// gathering and normalising transposition, zoom, brightness, colour and noise, in one pass.
//   1. place:  the flips as in augment.h; rows and columns swapped where the image is transposed (square images alone);
//              then a step of d.step / 65536 source pixels for each pixel from the image's centre. The place lies
//              between four pixels of the source, reflected at the borders (c b a | a b c | c b a).
//   2. byte    of an image: bilinear between the four; of labels: the pixel nearest to the place, of two equally near
//              the one with the larger row or column.
//   3. value = byte * d.gain[ch] + d.shift + d.noise * normal, brought back into 0..255
//   4. y = value * scale[ch] + shift[ch]
// Places are computed in integers, so labels lie exactly where the image does, on every device. normal is standard
// normal: Philox under the key d.key, counted by the pixel's place in the batch's image (row * w + column), so it does
// not depend on threads, on the batch or on the other images. Layouts as of augment.h; distortions: one for every image
// of the data set, found by the index as the images are, so that a captured step takes each epoch's own; in device
// memory. No backward: the images are inputs.
#pragma once

#include "kernels/augment.h"

namespace karyon {

constexpr std::int32_t kWholeStep = 65536;

/// What is done to an image; as made, nothing.
struct Distortion {
  std::int32_t transposed = 0;     // 1: rows and columns swapped
  std::int32_t step = kWholeStep;  // 65536 / zoom, more than 0
  float gain[3] = {1, 1, 1};       // of a channel
  float shift = 0;                 // of all channels, in bytes
  float noise = 0;                 // standard deviation in bytes
  std::uint32_t key[2] = {0, 0};
};

KERNEL_AS(distort_images,
          (Stream & stream, const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
           const Distortion* distortions, const Normalisation& normalisation, View<T> y))
/// batch: [count, h, w], the labels of the same images moved the same way.
KERNEL(distort_labels,
       (Stream & stream, const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
        const Distortion* distortions, int count, int h, int w, std::uint8_t* batch))

}  // namespace karyon
