// A picture at the network's size.
// Invariant: training and inference resize by this one function, so a model sees in use what it was trained on.
#pragma once

#include <cstdint>

#include "apps/images/picture.h"
#include "kernels/stream.h"

namespace karyon {

/// Bilinear (kernels/resize.h), rounded to bytes. RGB; `to` takes height * width * 3 bytes.
void resize_picture(Stream& stream, const Picture& picture, int height, int width, std::uint8_t* to);

}  // namespace karyon
