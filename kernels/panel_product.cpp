#include "kernels/panel_product.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/instruction_set.h"

namespace karyon {

namespace {

constexpr int kCacheLine = 16;  // floats

/// A block of results held in registers: `rows` rows of `panels` panels, each of 16 / lanes vectors.
template <class L, int rows, int panels>
struct Block {
  using Vec = typename L::Vec;
  static constexpr int kVecLanes = L::kCount;
  static constexpr int kVectors = panels * kPanel / kVecLanes;

  /// Where vector v of a row lies, if panels are `stride` apart.
  static constexpr std::ptrdiff_t place(int v, std::ptrdiff_t stride) {
    return v * kVecLanes / kPanel * stride + v * kVecLanes % kPanel;
  }

  static KARYON_INLINE void product(std::span<const ProductTerm> terms, std::int64_t row, std::int64_t panel, float* c,
                                    std::ptrdiff_t ldc) {
    Vec sum[rows][kVectors] = {};
    for (const ProductTerm& t : terms) {
      const float* a = t.a + row * t.lda;
      const float* b = t.b + panel * t.panel_stride;
      for (std::int64_t begin = 0; begin < t.k; begin += kCacheLine) {
        if (t.cold) {
          for (int r = 0; r < rows; ++r) __builtin_prefetch(a + (rows + r) * t.lda + begin);
        }
        const std::int64_t end = std::min<std::int64_t>(begin + kCacheLine, t.k);
        for (std::int64_t i = begin; i < end; ++i, b += kPanel) {
          Vec line[kVectors];
          for (int v = 0; v < kVectors; ++v) line[v] = KARYON_AT(L, b + place(v, t.panel_stride));
          for (int r = 0; r < rows; ++r) {
            const float factor = a[r * t.lda + i];
            for (int v = 0; v < kVectors; ++v) sum[r][v] += factor * line[v];
          }
        }
      }
    }
    for (int r = 0; r < rows; ++r) {
      for (int v = 0; v < kVectors; ++v) KARYON_AT(L, c + r * ldc + place(v, kPanel)) = sum[r][v];
    }
  }

  /// a: the first of `rows` columns in a panel.
  static KARYON_INLINE void outer_product(const float* a, const float* b, std::int64_t count, bool add, float* c,
                                          std::ptrdiff_t ldc) {
    Vec sum[rows][kVectors] = {};
    for (std::int64_t i = 0; i < count; ++i, a += kPanel, b += kPanel) {
      Vec line[kVectors];
      for (int v = 0; v < kVectors; ++v) line[v] = KARYON_AT(L, b + place(v, spaced_panel(count)));
      for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < kVectors; ++v) sum[r][v] += a[r] * line[v];
      }
    }
    for (int r = 0; r < rows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        float* out = c + r * ldc + place(v, kPanel);
        KARYON_AT(L, out) = add ? KARYON_AT(L, out) + sum[r][v] : sum[r][v];
      }
    }
  }
};

/// Calls Block<L, rows, panels>::product for the number of rows that is left.
template <class L, int panels, int most, int... less>
KARYON_INLINE void product_rows(std::integer_sequence<int, less...>, std::int64_t rows,
                                std::span<const ProductTerm> terms, std::int64_t row, std::int64_t panel, float* c,
                                std::ptrdiff_t ldc) {
  static_cast<void>(
      ((rows == less + 1 && (Block<L, less + 1, panels>::product(terms, row, panel, c, ldc), true)) || ...));
}

template <class L, int panels, int most>
KARYON_INLINE void product_columns(std::span<const ProductTerm> terms, std::int64_t m, std::int64_t panel, float* c,
                                   std::ptrdiff_t ldc) {
  // Blocks of nearly equal height: a last one of few rows would leave the multiply-add units idle.
  const std::int64_t blocks = (m + most - 1) / most;
  for (std::int64_t k = 0; k < blocks; ++k) {
    const std::int64_t row = m * k / blocks;
    product_rows<L, panels, most>(std::make_integer_sequence<int, most>(), m * (k + 1) / blocks - row, terms, row,
                                  panel, c + row * ldc + panel * kPanel, ldc);
  }
}

template <class L, int panels, int rows>
KARYON_INLINE void product_with(std::span<const ProductTerm> terms, std::int64_t m, std::int64_t count, float* c,
                                std::ptrdiff_t ldc) {
  std::int64_t panel = 0;
  for (; panel + panels <= count; panel += panels) product_columns<L, panels, rows>(terms, m, panel, c, ldc);
  if constexpr (panels > 1) {
    for (; panel < count; ++panel) product_columns<L, 1, rows>(terms, m, panel, c, ldc);
  }
}

template <class L, int panels, int rows>
KARYON_INLINE void outer_product_with(const float* a, std::int64_t a_panels, const float* b, std::int64_t b_panels,
                                      std::int64_t count, bool add, float* c, std::ptrdiff_t ldc) {
  static_assert(kPanel % rows == 0);
  const std::ptrdiff_t size = spaced_panel(count);
  for (std::int64_t j = 0; j < b_panels; j += panels) {
    const float* b_panel = b + j * size;
    for (std::int64_t i = 0; i < a_panels * kPanel; i += rows) {
      const float* a_rows = a + i / kPanel * size + i % kPanel;
      float* out = c + i * ldc + j * kPanel;
      if (j + panels <= b_panels) {
        Block<L, rows, panels>::outer_product(a_rows, b_panel, count, add, out, ldc);
      } else {
        Block<L, rows, 1>::outer_product(a_rows, b_panel, count, add, out, ldc);
      }
    }
  }
}

// The shapes leave as many registers as a line of b and a factor need, of 32, 16 and 16.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define PANEL_VARIANT(name, attribute, vec, panels, rows, outer_rows)                                               \
  attribute void product_##name(std::span<const ProductTerm> terms, std::int64_t m, std::int64_t count, float* c,   \
                                std::ptrdiff_t ldc) {                                                               \
    product_with<vec, panels, rows>(terms, m, count, c, ldc);                                                       \
  }                                                                                                                 \
  attribute void outer_product_##name(const float* a, std::int64_t a_panels, const float* b, std::int64_t b_panels, \
                                      std::int64_t count, bool add, float* c, std::ptrdiff_t ldc) {                 \
    outer_product_with<vec, panels, outer_rows>(a, a_panels, b, b_panels, count, add, c, ldc);                      \
  }

// NOLINTEND(bugprone-macro-parentheses)
PANEL_VARIANT(baseline, , Lanes4, 1, 2, 2)
#if defined(__x86_64__)
PANEL_VARIANT(avx2, KARYON_AVX2, Lanes8, 1, 6, 4)
PANEL_VARIANT(avx512, KARYON_AVX512, Lanes16, 2, 14, 8)
#endif
#undef PANEL_VARIANT

std::vector<PanelVariant> find_variants() {
  std::vector<PanelVariant> list;
#if defined(__x86_64__)
  const InstructionSet best = instruction_set();
  if (best == InstructionSet::avx512) list.push_back({"AVX-512", product_avx512, outer_product_avx512});
  if (best != InstructionSet::baseline) list.push_back({"AVX2", product_avx2, outer_product_avx2});
#endif
  list.push_back({"baseline", product_baseline, outer_product_baseline});
  return list;
}

}  // namespace

std::span<const PanelVariant> panel_variants() {
  static const std::vector<PanelVariant> kList = find_variants();
  return kList;
}

void panel_product(std::span<const ProductTerm> terms, std::int64_t m, std::int64_t panels, float* c,
                   std::ptrdiff_t ldc) {
  panel_variants()[0].product(terms, m, panels, c, ldc);
}

void panel_outer_product(const float* a, std::int64_t a_panels, const float* b, std::int64_t b_panels,
                         std::int64_t rows, bool add, float* c, std::ptrdiff_t ldc) {
  panel_variants()[0].outer_product(a, a_panels, b, b_panels, rows, add, c, ldc);
}

}  // namespace karyon
