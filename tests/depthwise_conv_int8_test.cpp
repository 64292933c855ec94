// Depthwise convolution of bytes: every variant that this machine has against sums one by one, bit for bit, on any
// number of threads.
#include "kernels/depthwise_conv_int8.h"

#include <gtest/gtest.h>

#include "engine/context.h"
#include "tests/reference/int8.h"

namespace karyon::testing {
namespace {

void check(int n, int h, int w, int channels, const ConvGeometry& g) {
  RandomStream random(5, Purpose::bench);
  ByteImage x(n, h, w, channels, whole_groups(channels) + 16);
  fill_random(x, random);
  const auto kernel = random_weights(static_cast<std::size_t>(9 * channels), random);
  const auto bias = random_bias(static_cast<std::size_t>(channels), random);
  const auto scale = random_scale(channels, 9, random);
  const PackedDepthwise packed = pack_depthwise_int8(kernel.data(), bias.data(), scale.data(), channels);
  const ByteOutput output{.zero = 5, .low = 5, .high = 250};
  for (const DepthwiseVariant& variant : depthwise_variants()) {
    for (const int threads : {1, 2, 3}) {
      ByteImage y(n, g.out_h(h), g.out_w(w), channels, whole_groups(channels));
      Context context(Device{}, threads);
      depthwise_conv_int8(context.stream(), x.view(), packed, g, output, y.view(), variant);
      for (int i = 0; i < n; ++i) {
        for (int p = 0; p < y.h; ++p) {
          for (int q = 0; q < y.w; ++q) {
            for (int c = 0; c < channels; ++c) {
              std::int64_t sum = bias[static_cast<std::size_t>(c)];
              for (int tap = 0; tap < 9; ++tap) {
                const int row = p * g.stride_h - g.pad.top + tap / 3, column = q * g.stride_w - g.pad.left + tap % 3;
                if (row < 0 || row >= h || column < 0 || column >= w) continue;
                sum += x.at(i, row, column, c) * kernel[static_cast<std::size_t>(tap * channels + c)];
              }
              ASSERT_EQ(y.at(i, p, q, c),
                        reference::requantise(sum, scale[static_cast<std::size_t>(c)], output, nullptr))
                  << variant.name << ", " << threads << " threads, " << i << " " << p << " " << q << " " << c;
            }
          }
        }
      }
    }
  }
}

TEST(DepthwiseInt8, StrideOne) {
  const ConvGeometry same{3, 3, 1, 1, {1, 1, 1, 1}};
  check(1, 1, 1, 1, same);
  check(2, 5, 7, 17, same);
  check(1, 4, 4, 144, same);
  check(1, 9, 2, 64, same);
}

TEST(DepthwiseInt8, StrideTwoAndThree) {
  check(2, 6, 8, 33, {3, 3, 2, 2, {0, 1, 0, 1}});
  check(1, 7, 5, 96, {3, 3, 2, 2, {1, 1, 1, 1}});
  check(1, 10, 11, 20, {3, 3, 3, 3, {1, 1, 1, 1}});
  check(1, 3, 3, 65, {3, 3, 1, 1, {}});
}

}  // namespace
}  // namespace karyon::testing
