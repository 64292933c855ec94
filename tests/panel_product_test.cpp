// Products over panels against the formula, for every set of instructions that this processor has.
#include "kernels/panel_product.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/random.h"

namespace karyon::testing {
namespace {

// Small whole numbers, whose sums a float holds exactly in any order.
std::vector<float> whole_numbers(std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed, Purpose::bench);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(random.below(9)) - 4.0F;
  return values;
}

constexpr float kUntouched = -77.0F;

TEST(PanelProduct, AddsItsTermsForEveryNumberOfRows) {
  for (const PanelVariant& f : panel_variants()) {
    for (const std::int64_t panels : {1, 2, 3}) {
      for (std::int64_t m = 1; m <= 31; ++m) {
        const std::int64_t depths[] = {5, 1, 18}, lda = 20, ldc = panels * kPanel + 3;
        const auto a = whole_numbers(3 * m * lda, 1);
        const auto b = whole_numbers(panels * 24 * kPanel, 2);
        std::vector<ProductTerm> terms;
        std::int64_t row = 0;
        for (const std::int64_t k : depths) {
          const auto at = static_cast<std::ptrdiff_t>(terms.size());
          terms.push_back({a.data() + at * m * lda, lda, b.data() + row * kPanel, 24 * kPanel, k});
          row += k;
        }
        std::vector<float> c(static_cast<std::size_t>(m * ldc), kUntouched);
        f.product(terms, m, panels, c.data(), ldc);
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < ldc; ++j) {
            float expected = j < panels * kPanel ? 0.0F : kUntouched;
            for (const ProductTerm& t : terms) {
              for (std::int64_t k = 0; k < t.k && j < panels * kPanel; ++k) {
                expected += t.a[i * lda + k] * t.b[j / kPanel * t.panel_stride + k * kPanel + j % kPanel];
              }
            }
            ASSERT_EQ(c[static_cast<std::size_t>(i * ldc + j)], expected)
                << f.name << " m " << m << " panels " << panels << " at " << i << ", " << j;
          }
        }
      }
    }
  }
}

TEST(PanelProduct, OuterProductOverwritesOrAdds) {
  for (const PanelVariant& f : panel_variants()) {
    for (const std::int64_t a_panels : {1, 2}) {
      for (const std::int64_t b_panels : {1, 2, 3}) {
        for (const std::int64_t rows : {1, 2, 37}) {
          const auto a = whole_numbers(a_panels * spaced_panel(rows), 3);
          const auto b = whole_numbers(b_panels * spaced_panel(rows), 4);
          const std::int64_t ldc = b_panels * kPanel + 5;
          std::vector<float> c(static_cast<std::size_t>(a_panels * kPanel * ldc), kUntouched);
          for (const bool add : {false, true}) {
            f.outer_product(a.data(), a_panels, b.data(), b_panels, rows, add, c.data(), ldc);
            for (std::int64_t i = 0; i < a_panels * kPanel; ++i) {
              for (std::int64_t j = 0; j < ldc; ++j) {
                float expected = 0.0F;
                for (std::int64_t r = 0; r < rows && j < b_panels * kPanel; ++r) {
                  expected += a[static_cast<std::size_t>(i / kPanel * spaced_panel(rows) + r * kPanel + i % kPanel)] *
                              b[static_cast<std::size_t>(j / kPanel * spaced_panel(rows) + r * kPanel + j % kPanel)];
                }
                expected = j < b_panels * kPanel ? (add ? 2 : 1) * expected : kUntouched;
                ASSERT_EQ(c[static_cast<std::size_t>(i * ldc + j)], expected)
                    << f.name << (add ? " adding, " : " ") << rows << " rows, at " << i << ", " << j;
              }
            }
          }
        }
      }
    }
  }
}

// What a row gets does not depend on which rows are computed with it.
TEST(PanelProduct, KeepsItsBitsHoweverRowsAreCut) {
  constexpr std::int64_t kRows = 29, kDepth = 50, kPanels = 3;
  RandomStream random(5, Purpose::bench);
  std::vector<float> a(kRows * kDepth), b(kPanels * kDepth * kPanel);
  for (float& v : a) v = random.normal();
  for (float& v : b) v = random.normal();
  for (const PanelVariant& f : panel_variants()) {
    std::vector<float> whole(kRows * kPanels * kPanel), cut(whole.size());
    const ProductTerm all{a.data(), kDepth, b.data(), kDepth * kPanel, kDepth};
    f.product({&all, 1}, kRows, kPanels, whole.data(), kPanels * kPanel);
    for (std::int64_t i = 0; i < kRows; i += 5) {
      const ProductTerm part{a.data() + i * kDepth, kDepth, b.data(), kDepth * kPanel, kDepth};
      f.product({&part, 1}, std::min<std::int64_t>(5, kRows - i), kPanels, cut.data() + i * kPanels * kPanel,
                kPanels * kPanel);
    }
    EXPECT_EQ(whole, cut) << f.name;
  }
}

}  // namespace
}  // namespace karyon::testing
