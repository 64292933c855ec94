#include "apps/images/resize.h"

#include "kernels/check.h"
#include "kernels/resize.h"

namespace karyon {

void resize_picture(Stream& stream, const Picture& picture, int height, int width, std::uint8_t* to) {
  KARYON_CHECK(picture.channels == 3, "an RGB picture");
  ON_DEVICE(resize_bilinear, stream,
            View<const std::uint8_t>(picture.pixels.data(), 1, picture.height, picture.width, 3),
            View<std::uint8_t>(to, 1, height, width, 3));
}

}  // namespace karyon
