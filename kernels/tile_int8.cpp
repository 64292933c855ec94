// Variants: AVX-512 VNNI, AVX-VNNI, AVX2 and plain C++.
// Invariant: no variant saturates in between: vpdpbusd adds four products of at most 16 bits to 32, and AVX2 multiplies
// in 16 bits what it has widened (vpmaddubsw would saturate).
#include "kernels/tile_int8.h"

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KARYON_TILE_VARIANTS 1
#include <immintrin.h>
#else
#define KARYON_TILE_VARIANTS 0
#endif

namespace karyon {

namespace {

void plain(const TileInt8& tile) {
  const int columns = tile.groups * kColumnGroup;
  for (int r = 0; r < kTileRows; ++r) {
    std::int32_t* sums = tile.sums + r * columns;
    std::copy_n(tile.bias, columns, sums);
    const std::int8_t* w = tile.weights;
    for (int s = 0; s < tile.segments; ++s) {
      const std::uint8_t* x = tile.rows[s * kTileRows + r];
      for (int t = 0; t < tile.steps[s]; ++t, x += kStepBytes, w += columns * kStepBytes) {
        for (int o = 0; o < columns; ++o) {
          const std::int8_t* four = w + o * kStepBytes;
          sums[o] += x[0] * four[0] + x[1] * four[1] + x[2] * four[2] + x[3] * four[3];
        }
      }
    }
  }
}

#if KARYON_TILE_VARIANTS

inline __attribute__((always_inline)) int four_bytes(const std::uint8_t* bytes) {
  int word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

#define KARYON_TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))

/// One step of all rows and columns.
template <int groups>
KARYON_TARGET inline __attribute__((always_inline)) void avx512_step(const std::uint8_t* const (&x)[kTileRows],
                                                                     std::int64_t k, const std::int8_t* w,
                                                                     __m512i (&sums)[kTileRows][groups]) {
  __m512i weights[groups];
#pragma GCC unroll 4
  for (int v = 0; v < groups; ++v) weights[v] = _mm512_load_si512(w + v * 64);
#pragma GCC unroll 6
  for (int r = 0; r < kTileRows; ++r) {
    const __m512i four = _mm512_set1_epi32(four_bytes(x[r] + k));
#pragma GCC unroll 4
    for (int v = 0; v < groups; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], four, weights[v]);
  }
}

/// Sums of up to 64 columns stay in registers: 24 of 32. Of one group alone there are two of each, as six sums are not
/// enough to hide how long one takes.
template <int groups>
KARYON_TARGET void avx512_tile(const TileInt8& tile) {
  __m512i sums[kTileRows][groups], more[kTileRows][groups];
#pragma GCC unroll 6
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < groups; ++v) {
      sums[r][v] = _mm512_loadu_si512(tile.bias + v * kColumnGroup);
      more[r][v] = _mm512_setzero_si512();
    }
  }
  const std::int8_t* w = tile.weights;
  for (int s = 0; s < tile.segments; ++s) {
    const std::uint8_t* const* rows = tile.rows + s * kTileRows;
    const std::uint8_t* const x[kTileRows] = {rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]};
    const std::int64_t bytes = std::int64_t{tile.steps[s]} * kStepBytes;
    std::int64_t k = 0;
    if constexpr (groups == 1) {
      for (; k + kStepBytes < bytes; k += 2 * kStepBytes, w += 128) {
        avx512_step<groups>(x, k, w, sums);
        avx512_step<groups>(x, k + kStepBytes, w + 64, more);
      }
    }
    for (; k < bytes; k += kStepBytes, w += groups * 64) avx512_step<groups>(x, k, w, sums);
  }
#pragma GCC unroll 6
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < groups; ++v) {
      if constexpr (groups == 1) sums[r][v] = _mm512_add_epi32(sums[r][v], more[r][v]);
      _mm512_store_si512(tile.sums + (r * groups + v) * kColumnGroup, sums[r][v]);
    }
  }
}

void avx512_vnni(const TileInt8& tile) {
  constexpr void (*kByGroups[])(const TileInt8&) = {avx512_tile<1>, avx512_tile<2>, avx512_tile<3>, avx512_tile<4>};
  kByGroups[tile.groups - 1](tile);
}

/// Sixteen columns at a time, in two registers of eight.
template <bool vnni>
__attribute__((target("avx2"))) void avx2_tile(const TileInt8& tile) {
  const int columns = tile.groups * kColumnGroup;
  for (int group = 0; group < tile.groups; ++group) {
    __m256i low[kTileRows], high[kTileRows];
    const auto* bias = reinterpret_cast<const __m256i*>(tile.bias + group * kColumnGroup);
    for (int r = 0; r < kTileRows; ++r) {
      low[r] = _mm256_loadu_si256(bias);
      high[r] = _mm256_loadu_si256(bias + 1);
    }
    const std::int8_t* w = tile.weights + std::ptrdiff_t{group} * kColumnGroup * kStepBytes;
    for (int s = 0; s < tile.segments; ++s) {
      const std::uint8_t* const* rows = tile.rows + s * kTileRows;
      const std::int64_t bytes = std::int64_t{tile.steps[s]} * kStepBytes;
      for (std::int64_t k = 0; k < bytes; k += kStepBytes, w += columns * kStepBytes) {
        const __m256i w0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
        const __m256i w1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w) + 1);
        if constexpr (vnni) {
#pragma GCC unroll 6
          for (int r = 0; r < kTileRows; ++r) {
            const __m256i x = _mm256_set1_epi32(four_bytes(rows[r] + k));
            // As text, for no target of GCC's has this instruction without letting it into the other instance too.
            asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(low[r]) : "x"(x), "x"(w0));
            asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(high[r]) : "x"(x), "x"(w1));
          }
        } else {
          // Bytes 0 and 2 of each column, then 1 and 3, widened to 16 bits.
          const __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(w0, 8), 8), odd0 = _mm256_srai_epi16(w0, 8);
          const __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(w1, 8), 8), odd1 = _mm256_srai_epi16(w1, 8);
          const __m256i low_bytes = _mm256_set1_epi16(0xff);
#pragma GCC unroll 6
          for (int r = 0; r < kTileRows; ++r) {
            const __m256i x = _mm256_set1_epi32(four_bytes(rows[r] + k));
            const __m256i even = _mm256_and_si256(x, low_bytes), odd = _mm256_srli_epi16(x, 8);
            low[r] = _mm256_add_epi32(low[r],
                                      _mm256_add_epi32(_mm256_madd_epi16(even, even0), _mm256_madd_epi16(odd, odd0)));
            high[r] = _mm256_add_epi32(high[r],
                                       _mm256_add_epi32(_mm256_madd_epi16(even, even1), _mm256_madd_epi16(odd, odd1)));
          }
        }
      }
    }
    for (int r = 0; r < kTileRows; ++r) {
      auto* sums = reinterpret_cast<__m256i*>(tile.sums + r * columns + group * kColumnGroup);
      _mm256_storeu_si256(sums, low[r]);
      _mm256_storeu_si256(sums + 1, high[r]);
    }
  }
}

#endif

std::vector<TileVariant> find_variants() {
  std::vector<TileVariant> variants;
#if KARYON_TILE_VARIANTS
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")) {
    variants.push_back({"AVX-512 VNNI", avx512_vnni});
  }
  if (__builtin_cpu_supports("avx2")) {
    if (__builtin_cpu_supports("avxvnni")) variants.push_back({"AVX-VNNI", avx2_tile<true>});
    variants.push_back({"AVX2", avx2_tile<false>});
  }
#endif
  variants.push_back({"plain C++", plain});
  return variants;
}

}  // namespace

std::span<const TileVariant> tile_variants() {
  static const std::vector<TileVariant> kVariants = find_variants();
  return kVariants;
}

}  // namespace karyon
