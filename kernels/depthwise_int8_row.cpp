// Variants: AVX-512 VNNI and plain C++.
// Invariant: vpdpbusd takes the three rows of a kernel's column at once, so that a column of pixels is interleaved once
// and used by up to three outputs.
#include "kernels/depthwise_int8_row.h"

#include <algorithm>

#include "kernels/parallel.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KARYON_DEPTHWISE_VARIANTS 1
#include <immintrin.h>
// GCC 12 takes the intrinsics' own undefined operands for ours (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#else
#define KARYON_DEPTHWISE_VARIANTS 0
#endif

namespace karyon {

namespace {

/// sums[c] += x[c] * k[c].
KARYON_CLONES void add_products(const std::uint8_t* x, const std::int8_t* k, int channels, std::int32_t* sums) {
  for (int c = 0; c < channels; ++c) sums[c] += x[c] * k[c];
}

void plain(const PackedDepthwise& packed, const DepthwiseRow& row) {
  std::vector<std::int32_t> sums(static_cast<std::size_t>(packed.channels));
  for (int q = 0; q < row.out_w; ++q) {
    std::ranges::copy(packed.bias, sums.begin());
    for (int tap = 0; tap < 9; ++tap) {
      const int column = q * row.stride - row.pad_left + tap % 3;
      if (column < 0 || column >= row.in_w) continue;
      add_products(row.rows[tap / 3] + column * row.pitches[tap / 3],
                   packed.kernel.data() + static_cast<std::ptrdiff_t>(tap) * packed.channels, packed.channels,
                   sums.data());
    }
    std::uint8_t* y = row.y + q * row.y_pitch;
    requantise_variants().back().compute({sums.data(), 1, packed.channels, packed.scale.data(), nullptr, &y},
                                         row.output);
  }
}

#if KARYON_DEPTHWISE_VARIANTS
#define KARYON_TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))

/// 64 channels of a column of three pixels, the three bytes of a channel and a zero side by side.
struct Column {
  __m512i part[4];
};

KARYON_TARGET inline __attribute__((always_inline)) Column load_column(const DepthwiseRow& row, int first, int column,
                                                                       __mmask64 mask) {
  const __m512i zero = _mm512_setzero_si512();
  if (column < 0 || column >= row.in_w) return {{zero, zero, zero, zero}};
  const __m512i a = _mm512_maskz_loadu_epi8(mask, row.rows[0] + column * row.pitches[0] + first);
  const __m512i b = _mm512_maskz_loadu_epi8(mask, row.rows[1] + column * row.pitches[1] + first);
  const __m512i c = _mm512_maskz_loadu_epi8(mask, row.rows[2] + column * row.pitches[2] + first);
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i c_low = _mm512_unpacklo_epi8(c, zero), c_high = _mm512_unpackhi_epi8(c, zero);
  return {{_mm512_unpacklo_epi16(ab_low, c_low), _mm512_unpackhi_epi16(ab_low, c_low),
           _mm512_unpacklo_epi16(ab_high, c_high), _mm512_unpackhi_epi16(ab_high, c_high)}};
}

KARYON_TARGET void avx512_block(const PackedDepthwise& packed, const DepthwiseRow& row, int block) {
  const int first = block * 64, count = std::min(64, packed.channels - first);
  const __mmask64 mask = count == 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
  __m512i k[3][4];
  const std::int8_t* kernel = packed.block_kernel.data() + static_cast<std::ptrdiff_t>(block) * 3 * 256;
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) k[i / 4][i % 4] = _mm512_loadu_si512(kernel + static_cast<std::ptrdiff_t>(i) * 64);
  const std::int32_t* bias = packed.block_bias.data() + first;
  const float* scale = packed.block_scale.data() + first;
  const __m512 low = _mm512_set1_ps(static_cast<float>(row.output.low - row.output.zero));
  const __m512 high = _mm512_set1_ps(static_cast<float>(row.output.high - row.output.zero));
  const __m512i zero = _mm512_set1_epi32(row.output.zero);
  Column left = load_column(row, first, -row.pad_left, mask);
  Column middle = load_column(row, first, 1 - row.pad_left, mask);
  for (int q = 0; q < row.out_w; ++q) {
    const int at = q * row.stride - row.pad_left;
    const Column right = load_column(row, first, at + 2, mask);
    __m512i bytes[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      __m512i sum = _mm512_loadu_si512(bias + j * 16);
      sum = _mm512_dpbusd_epi32(sum, left.part[j], k[0][j]);
      sum = _mm512_dpbusd_epi32(sum, middle.part[j], k[1][j]);
      sum = _mm512_dpbusd_epi32(sum, right.part[j], k[2][j]);
      __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(scale + j * 16));
      value = _mm512_min_ps(_mm512_max_ps(value, low), high);
      bytes[j] = _mm512_add_epi32(_mm512_cvtps_epi32(value), zero);
    }
    const __m512i packed_bytes =
        _mm512_packus_epi16(_mm512_packs_epi32(bytes[0], bytes[1]), _mm512_packs_epi32(bytes[2], bytes[3]));
    _mm512_mask_storeu_epi8(row.y + q * row.y_pitch + first, mask, packed_bytes);
    if (row.stride == 1) {
      left = middle;
      middle = right;
    } else {
      const int next = at + row.stride;
      left = row.stride == 2 ? right : load_column(row, first, next, mask);
      middle = load_column(row, first, next + 1, mask);
    }
  }
}

void avx512_vnni(const PackedDepthwise& packed, const DepthwiseRow& row) {
  for (int block = 0; block * 64 < packed.channels; ++block) avx512_block(packed, row, block);
}
#undef KARYON_TARGET
#endif

std::vector<DepthwiseVariant> find_variants() {
  std::vector<DepthwiseVariant> variants;
#if KARYON_DEPTHWISE_VARIANTS
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")) {
    variants.push_back({"AVX-512 VNNI", avx512_vnni});
  }
#endif
  variants.push_back({"plain C++", plain});
  return variants;
}

}  // namespace

std::span<const DepthwiseVariant> depthwise_variants() {
  static const std::vector<DepthwiseVariant> kVariants = find_variants();
  return kVariants;
}

}  // namespace karyon
