#include "kernels/depthwise_conv_int8.h"

namespace karyon {

namespace {

constexpr int kBlock = 64;  // channels

}  // namespace

PackedDepthwise pack_depthwise_int8(const std::int8_t* kernel, const std::int32_t* bias, const float* scale,
                                    int channels) {
  PackedDepthwise packed;
  packed.channels = whole_groups(channels);
  const auto whole = static_cast<std::size_t>(packed.channels);
  const std::size_t blocks = (whole + kBlock - 1) / kBlock;
  packed.kernel.resize(9 * whole);
  packed.bias.assign(bias, bias + channels);
  packed.bias.resize(whole);
  packed.scale.assign(scale, scale + channels);
  packed.scale.resize(whole);
  packed.block_kernel.resize(blocks * 3 * kBlock * 4);
  packed.block_bias.resize(blocks * kBlock);
  packed.block_scale.resize(blocks * kBlock);
  for (int c = 0; c < channels; ++c) {
    const auto channel = static_cast<std::size_t>(c), block = channel / kBlock, within = channel % kBlock;
    const std::size_t place = within % 16 / 4 * 16 + within / 16 * 4 + within % 4;
    packed.block_bias[block * kBlock + place] = bias[c];
    packed.block_scale[block * kBlock + place] = scale[c];
    for (std::size_t tap = 0; tap < 9; ++tap) {
      const std::int8_t weight = kernel[tap * static_cast<std::size_t>(channels) + channel];
      packed.kernel[tap * whole + channel] = weight;
      packed.block_kernel[((block * 3 + tap % 3) * kBlock + place) * 4 + tap / 3] = weight;
    }
  }
  return packed;
}

void depthwise_conv_int8(const Stream& stream, ConstByteView x, const PackedDepthwise& packed,
                         const ConvGeometry& geometry, const ByteOutput& output, ByteView y,
                         const DepthwiseVariant& variant) {
  KARYON_CHECK(geometry.kernel_h == 3 && geometry.kernel_w == 3 && geometry.stride_h == geometry.stride_w &&
                   x.n == y.n && x.c == y.c && y.h == geometry.out_h(x.h) && y.w == geometry.out_w(x.w) &&
                   packed.channels == whole_groups(x.c) && x.pitch >= packed.channels && y.pitch >= packed.channels,
               "an int8 depthwise convolution's operands do not fit its geometry");
  const std::vector<std::uint8_t> zeros(static_cast<std::size_t>(packed.channels));
  parallel_ranges(stream, std::int64_t{y.n} * y.h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const auto n = static_cast<int>(line / y.h), p = static_cast<int>(line % y.h);
      DepthwiseRow row{{}, {}, x.w, y.w, geometry.stride_w, geometry.pad.left, output, y.at(n, p, 0), y.pitch};
      for (int r = 0; r < 3; ++r) {
        const int i = p * geometry.stride_h - geometry.pad.top + r;
        const bool inside = i >= 0 && i < x.h;
        row.rows[r] = inside ? x.at(n, i, 0) : zeros.data();
        row.pitches[r] = inside ? x.pitch : 0;
      }
      variant.compute(packed, row);
    }
  });
}

}  // namespace karyon
