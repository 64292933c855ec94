// Variants: AVX-512 and plain C++.
#include "kernels/requantise_int8.h"

#include <bit>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/simd.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KARYON_REQUANTISE_VARIANTS 1
#include <immintrin.h>
// GCC 12 takes the intrinsics' own undefined operands for ours (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#else
#define KARYON_REQUANTISE_VARIANTS 0
#endif

namespace karyon {

namespace {

constexpr float kRounding = 12582912.0F;  // 1.5 * 2^23: adding it leaves a float without fraction

/// Between whole bounds, then to the nearest whole number; its byte, plus zero.
KARYON_INLINE std::uint8_t byte_of(float value, float low, float high, int zero) {
  value = value > low ? value : low;
  value = value < high ? value : high;
  return static_cast<std::uint8_t>(std::bit_cast<std::int32_t>(value + kRounding) + zero);
}

KARYON_CLONES void plain(const SumRows& rows, const ByteOutput& output) {
  const auto low = static_cast<float>(output.low - output.zero), high = static_cast<float>(output.high - output.zero);
  const float residual_scale = output.residual_scale;
  const int zero = output.zero;
  const float* scale = rows.scale;
  for (int r = 0; r < rows.rows; ++r) {
    const std::int32_t* sums = rows.sums + static_cast<std::ptrdiff_t>(r) * rows.columns;
    std::uint8_t* y = rows.y[r];
    if (rows.residual == nullptr) {
      for (int o = 0; o < rows.columns; ++o) y[o] = byte_of(static_cast<float>(sums[o]) * scale[o], low, high, zero);
    } else {
      const std::uint8_t* residual = rows.residual[r];
      for (int o = 0; o < rows.columns; ++o) {
        const float product = static_cast<float>(sums[o]) * scale[o];
        y[o] = byte_of(product + static_cast<float>(residual[o]) * residual_scale, low, high, zero);
      }
    }
  }
}

#if KARYON_REQUANTISE_VARIANTS

constexpr int kGroup = 16;  // columns

template <bool adds>
__attribute__((target("avx512f"))) void avx512_rows(const SumRows& rows, const ByteOutput& output) {
  const __m512 low = _mm512_set1_ps(static_cast<float>(output.low - output.zero));
  const __m512 high = _mm512_set1_ps(static_cast<float>(output.high - output.zero));
  const __m512 residual_scale = _mm512_set1_ps(output.residual_scale);
  const __m512i zero = _mm512_set1_epi32(output.zero);
  const std::int32_t* sums = rows.sums;
  for (int r = 0; r < rows.rows; ++r) {
    std::uint8_t* y = rows.y[r];
    for (int o = 0; o < rows.columns; o += kGroup, sums += kGroup) {
      __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums)), _mm512_loadu_ps(rows.scale + o));
      if constexpr (adds) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows.residual[r] + o));
        value = _mm512_add_ps(value, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), residual_scale));
      }
      value = _mm512_min_ps(_mm512_max_ps(value, low), high);
      const __m512i whole = _mm512_add_epi32(_mm512_cvtps_epi32(value), zero);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y + o), _mm512_cvtepi32_epi8(whole));
    }
  }
}

void avx512(const SumRows& rows, const ByteOutput& output) {
  (rows.residual != nullptr ? avx512_rows<true> : avx512_rows<false>)(rows, output);
}

#endif

std::vector<RequantiseVariant> find_variants() {
  std::vector<RequantiseVariant> variants;
#if KARYON_REQUANTISE_VARIANTS
  if (__builtin_cpu_supports("avx512f")) variants.push_back({"AVX-512", avx512});
#endif
  variants.push_back({"plain C++", plain});
  return variants;
}

}  // namespace

std::span<const RequantiseVariant> requantise_variants() {
  static const std::vector<RequantiseVariant> kVariants = find_variants();
  return kVariants;
}

}  // namespace karyon
