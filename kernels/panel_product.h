// Matrix products on the CPU at the rate of its multiply-add units, over operands packed in panels of 16 columns.
// Invariant: a panel holds `rows` rows of 16 neighbouring columns, [row][16]; columns beyond the matrix are zero, so
// whole panels are read and written. Each element of a result is one sum in the order of the rows, whatever the shape
// of the block it lies in, so neither threads nor the cutting into tasks change a bit. AVX-512, AVX2 or the baseline is
// chosen once by CPUID.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace karyon {

constexpr int kPanel = 16;

/// Panels that hold so many columns.
constexpr std::int64_t panels_of(std::int64_t columns) { return (columns + kPanel - 1) / kPanel; }

/// a[m][k] row-major with leading dimension lda, times b[k][n] in panels, the next panel_stride floats further on.
struct ProductTerm {
  const float* a = nullptr;
  std::ptrdiff_t lda = 0;
  const float* b = nullptr;
  std::ptrdiff_t panel_stride = 0;
  std::int64_t k = 0;
  bool cold =
      false;  // a lies in memory: its rows are asked for a block ahead, for they are more than the hardware foresees
};

/// A way to compute the two functions below, for processors that have its instructions.
struct PanelVariant {
  const char* name = "";
  void (*product)(std::span<const ProductTerm> terms, std::int64_t m, std::int64_t panels, float* c,
                  std::ptrdiff_t ldc) = nullptr;
  void (*outer_product)(const float* a, std::int64_t a_panels, const float* b, std::int64_t b_panels, std::int64_t rows,
                        bool add, float* c, std::ptrdiff_t ldc) = nullptr;
};
/// All that this processor can run, the fastest first: that one is used.
std::span<const PanelVariant> panel_variants();

/// c[m][16 * panels] = the sum of the terms, in order. ldc >= 16 * panels; c overlaps nothing.
void panel_product(std::span<const ProductTerm> terms, std::int64_t m, std::int64_t panels, float* c,
                   std::ptrdiff_t ldc);

/// How far apart panels of so many rows are best kept: a cache line more than their size, for panels that are a power
/// of two apart fight over few places of the cache.
constexpr std::ptrdiff_t spaced_panel(std::int64_t rows) { return (rows + 1) * kPanel; }

/// c[i][j] (+)= sum over rows of a[row][i] b[row][j], both in panels spaced_panel(rows) apart. i runs over
/// 16 * a_panels, j over 16 * b_panels; c is row-major and is overwritten unless `add`.
void panel_outer_product(const float* a, std::int64_t a_panels, const float* b, std::int64_t b_panels,
                         std::int64_t rows, bool add, float* c, std::ptrdiff_t ldc);

}  // namespace karyon
