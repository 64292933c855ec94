#include "kernels/conv_int8.h"

namespace karyon {

PackedProduct pack_conv_int8(const std::int8_t* kernel, const std::int32_t* bias, int in, int out,
                             const ConvGeometry& geometry) {
  std::vector<ProductTap> taps;
  for (int r = 0; r < geometry.kernel_h; ++r) {
    for (int s = 0; s < geometry.kernel_w; ++s) taps.push_back({0, r - geometry.pad.top, s - geometry.pad.left});
  }
  const auto weight = [&](int tap, int c, int o) { return kernel[(std::int64_t{tap} * in + c) * out + o]; };
  return PackedProduct(std::move(taps), {{in}}, out, weight, {bias, bias + out});
}

void conv_int8(const Stream& stream, ConstByteView x, const std::uint8_t* pad, const PackedProduct& packed,
               const ConvGeometry& geometry, const ByteOutput& output, ConstByteView residual, ByteView y) {
  KARYON_CHECK(x.n == y.n && y.h == geometry.out_h(x.h) && y.w == geometry.out_w(x.w) &&
                   geometry.stride_h == geometry.stride_w && packed.columns() == whole_groups(y.c) &&
                   y.pitch >= whole_groups(y.c),
               "an int8 convolution's output has another shape than its geometry gives");
  KARYON_CHECK(!residual || residual.same_shape(y), "the residual has another shape than the output");
  const auto requantise = requantise_variants().front().compute;
  const ProductGrid grid{y.n, y.h, y.w, geometry.stride_h, y.h, y.w};
  for_each_tile(stream, {&x, 1}, {&pad, 1}, packed, grid,
                [&](const std::int64_t* pixels, int rows, int column, int columns, const std::int32_t* sums) {
                  std::uint8_t* to[kTileRows];
                  const std::uint8_t* before[kTileRows];
                  for (int r = 0; r < rows; ++r) {
                    to[r] = y.pixel(pixels[r]) + column;
                    before[r] = residual ? residual.pixel(pixels[r]) + column : nullptr;
                  }
                  requantise({sums, rows, columns, output.scale + column, residual ? before : nullptr, to}, output);
                });
}

}  // namespace karyon
