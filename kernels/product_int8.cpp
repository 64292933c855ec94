#include "kernels/product_int8.h"

namespace karyon {

PixelFinder::PixelFinder(std::span<const ConstByteView> inputs, std::span<const std::uint8_t* const> pads,
                         const std::vector<ProductTap>& taps, const ProductGrid& grid)
    : grid_(grid), h_(inputs[0].h), w_(inputs[0].w) {
  for (const ConstByteView& x : inputs) {
    KARYON_CHECK(x.n == grid.n && x.h == h_ && x.w == w_, "the inputs of an int8 product differ in size");
  }
  for (const ProductTap& tap : taps) {
    const ConstByteView& x = inputs[static_cast<std::size_t>(tap.input)];
    const std::ptrdiff_t offset = (std::ptrdiff_t{tap.dy} * w_ + tap.dx) * x.pitch;
    taps_.push_back({x.data, pads[static_cast<std::size_t>(tap.input)], x.pitch, offset, tap.dy, tap.dx});
    least_dy_ = std::min(least_dy_, tap.dy);
    most_dy_ = std::max(most_dy_, tap.dy);
    least_dx_ = std::min(least_dx_, tap.dx);
    most_dx_ = std::max(most_dx_, tap.dx);
  }
}

}  // namespace karyon
