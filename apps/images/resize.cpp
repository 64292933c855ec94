#include "apps/images/resize.h"

#include <algorithm>
#include <vector>

#include "kernels/resize.h"

namespace karyon {

void resize_picture(Stream& stream, const Picture& picture, int height, int width, std::uint8_t* to) {
  const std::vector<float> from(picture.pixels.begin(), picture.pixels.end());
  std::vector<float> resized(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
  ON_DEVICE(resize_bilinear, stream, ConstFloatView(from.data(), 1, picture.height, picture.width, 3),
            FloatView(resized.data(), 1, height, width, 3));
  std::transform(resized.begin(), resized.end(), to, [](float v) { return static_cast<std::uint8_t>(v + 0.5F); });
}

}  // namespace karyon
