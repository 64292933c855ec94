// The innermost int8 product: every variant that this machine has against plain sums.
#include "kernels/tile_int8.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/reference/int8.h"

namespace karyon::testing {
namespace {

struct alignas(64) Line {
  std::array<std::int8_t, 64> bytes;
};

TEST(TileInt8, EveryVariantAddsExactly) {
  RandomStream random(1, Purpose::bench);
  for (int groups = 1; groups <= 4; ++groups) {
    for (const std::vector<int>& steps : {std::vector{1}, {7}, {3, 1, 4}, {500, 588}}) {
      int all = 0;
      for (const int s : steps) all += s;
      std::vector<std::vector<std::uint8_t>> rows;
      std::vector<const std::uint8_t*> pointers;
      for (const int s : steps) {
        for (int r = 0; r < kTileRows; ++r) {
          std::vector<std::uint8_t>& row = rows.emplace_back(static_cast<std::size_t>(4 * s));
          // The first row is as large as can be.
          for (std::uint8_t& byte : row) byte = r == 0 ? 255 : static_cast<std::uint8_t>(random.next_u32());
          pointers.push_back(row.data());
        }
      }
      const int columns = 16 * groups;
      std::vector<Line> lines(static_cast<std::size_t>(all * groups));
      const auto weight = [&](int step, int o, int b) -> std::int8_t& {
        const auto at = static_cast<std::size_t>((step * columns + o) * 4 + b);
        return lines[at / 64].bytes[at % 64];
      };
      for (int step = 0; step < all; ++step) {
        for (int o = 0; o < columns; ++o) {
          for (int b = 0; b < 4; ++b) {
            // Of the first two columns all weights are the largest there are.
            weight(step, o, b) = o == 0   ? std::int8_t{127}
                                 : o == 1 ? std::int8_t{-128}
                                          : static_cast<std::int8_t>(random.next_u32());
          }
        }
      }
      const std::vector<std::int32_t> bias = random_bias(static_cast<std::size_t>(columns), random);
      for (const TileVariant& variant : tile_variants()) {
        alignas(64) std::array<std::int32_t, kTileRows * kTileColumns> sums{};
        variant.multiply({pointers.data(), steps.data(), static_cast<int>(steps.size()), lines[0].bytes.data(),
                          bias.data(), groups, sums.data()});
        for (int r = 0; r < kTileRows; ++r) {
          for (int o = 0; o < columns; ++o) {
            std::int64_t sum = bias[static_cast<std::size_t>(o)];
            int step = 0;
            for (std::size_t s = 0; s < steps.size(); ++s) {
              for (int k = 0; k < 4 * steps[s]; ++k) {
                sum += std::int64_t{pointers[s * kTileRows + static_cast<std::size_t>(r)][k]} *
                       weight(step + k / 4, o, k % 4);
              }
              step += steps[s];
            }
            ASSERT_EQ(sums[static_cast<std::size_t>(r * columns + o)], sum)
                << variant.name << ", row " << r << ", column " << o << " of " << columns;
          }
        }
      }
    }
  }
}

TEST(TileInt8, ThePlainVariantIsAlwaysThere) { EXPECT_STREQ(tile_variants().back().name, "plain C++"); }

}  // namespace
}  // namespace karyon::testing
