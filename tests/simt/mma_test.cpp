// The stand-in for CUDA's mma.h: products by one warp in every layout, and the mistakes that it must catch.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mma.h>

#include "kernels/simt.h"
#include "tests/simt/machine.h"

namespace karyon::testing {
namespace {

namespace wmma = nvcuda::wmma;

constexpr int kSize = 16, kPitch = 24;  // of a matrix in shared memory

enum class Mistake : std::uint8_t { none, misaligned_pointer, misaligned_pitch, divergence, no_syncwarp };

// c = a b by one warp; `Fragment` numbers are kept as Number, whose bits `stored` makes out of a float.
template <class Fragment, class Number, int depth, class LayoutA, class LayoutB>
void multiply(const std::vector<float>& a, const std::vector<float>& b, std::vector<float>& c, Mistake mistake,
              Number (*stored)(float)) {
  simt::name_launch("mma_test_multiply");
  simt::run_grid(1, kWarp, [&] {
    SHARED(Number, left, kSize * kPitch + kVector<float>);
    SHARED(Number, right, kSize * kPitch);
    SHARED(float, result, kSize* kPitch);
    const auto lane = threadIdx.x;
    if (lane < kSize) {
      for (unsigned i = 0; i < kSize; ++i) {
        left[std::is_same_v<LayoutA, wmma::row_major> ? lane * kPitch + i : i * kPitch + lane] =
            stored(a[lane * kSize + i]);
        right[std::is_same_v<LayoutB, wmma::row_major> ? lane * kPitch + i : i * kPitch + lane] =
            stored(b[lane * kSize + i]);
      }
    }
    __syncwarp();
    wmma::fragment<wmma::matrix_a, 16, 16, depth, Fragment, LayoutA> x;
    wmma::fragment<wmma::matrix_b, 16, 16, depth, Fragment, LayoutB> y;
    wmma::fragment<wmma::accumulator, 16, 16, depth, float> sum;
    wmma::fill_fragment(sum, 0.0F);
    for (int k = 0; k < kSize; k += depth) {
      const int shift = mistake == Mistake::misaligned_pointer ? 4 : 0;
      wmma::load_matrix_sync(x, left + (std::is_same_v<LayoutA, wmma::row_major> ? k : k * kPitch) + shift, kPitch);
      wmma::load_matrix_sync(y, right + (std::is_same_v<LayoutB, wmma::row_major> ? k * kPitch : k),
                             mistake == Mistake::misaligned_pitch ? kSize + 1 : kPitch);
      if (mistake == Mistake::divergence && lane == 7) return;
      wmma::mma_sync(sum, x, y, sum);
    }
    wmma::store_matrix_sync(result, sum, kPitch, wmma::mem_row_major);
    if (mistake != Mistake::no_syncwarp) __syncwarp();
    if (lane == 0) {
      for (unsigned i = 0; i < kSize * kSize; ++i) c[i] = result[i / kSize * kPitch + i % kSize];
    }
  });
}

// What a product of whole numbers, small enough to be exact, differs in from the definition; or what went wrong.
template <class Fragment, class Number, int depth, class LayoutA, class LayoutB>
std::string faults_of_product(Number (*stored)(float), Mistake mistake = Mistake::none) {
  std::vector<float> a(kSize * kSize), b(kSize * kSize), c(kSize * kSize);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(i * 7 % 31) - 15;
    b[i] = static_cast<float>(i * 11 % 29) - 14;
  }
  try {
    multiply<Fragment, Number, depth, LayoutA, LayoutB>(a, b, c, mistake, stored);
  } catch (const simt::Fault& fault) {
    return fault.what();
  }
  for (std::size_t i = 0; i < c.size(); ++i) {
    float expected = 0;
    for (std::size_t k = 0; k < kSize; ++k) expected += a[i / kSize * kSize + k] * b[k * kSize + i % kSize];
    if (c[i] != expected || std::isnan(c[i])) return "element " + std::to_string(i) + " is " + std::to_string(c[i]);
  }
  return "";
}

float as_float(float value) { return value; }

template <class LayoutA, class LayoutB>
void expect_products() {
  for (const simt::Order order : {simt::Order::reverse, simt::Order::shuffled, simt::Order::forward}) {
    simt::set_order(order);
    EXPECT_EQ((faults_of_product<__nv_bfloat16, __nv_bfloat16, 16, LayoutA, LayoutB>(__float2bfloat16_rn)), "");
    EXPECT_EQ((faults_of_product<wmma::precision::tf32, float, 8, LayoutA, LayoutB>(as_float)), "");
  }
}

TEST(SimtMma, MultipliesInEveryLayout) {
  expect_products<wmma::row_major, wmma::row_major>();
  expect_products<wmma::row_major, wmma::col_major>();
  expect_products<wmma::col_major, wmma::row_major>();
  expect_products<wmma::col_major, wmma::col_major>();
}

std::string faults_with(Mistake mistake) {
  return faults_of_product<__nv_bfloat16, __nv_bfloat16, 16, wmma::row_major, wmma::row_major>(__float2bfloat16_rn,
                                                                                               mistake);
}

TEST(SimtMma, CatchesMistakes) {
  EXPECT_NE(faults_with(Mistake::misaligned_pointer).find("not aligned to 32 bytes"), std::string::npos);
  EXPECT_NE(faults_with(Mistake::misaligned_pitch).find("leading dimension"), std::string::npos);
  EXPECT_NE(faults_with(Mistake::divergence).find("has returned before the warp operation"), std::string::npos);
  EXPECT_NE(faults_with(Mistake::no_syncwarp), "");
}

// Two binades and a half step either way: 1 + 2^-11 lies between 1 and 1 + 2^-10.
TEST(SimtMma, RoundsToTensorFloat) {
  EXPECT_EQ(wmma::__float_to_tf32(1 + 0x1p-10F), 1 + 0x1p-10F);
  EXPECT_EQ(wmma::__float_to_tf32(1 + 0x1p-11F), 1 + 0x1p-10F);
  EXPECT_EQ(wmma::__float_to_tf32(1 + 0x1p-11F - 0x1p-23F), 1.0F);
  EXPECT_EQ(wmma::__float_to_tf32(-2 - 0x1p-10F), -2 - 0x1p-9F);
  EXPECT_EQ(wmma::__float_to_tf32(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(wmma::__float_to_tf32(NAN)));
}

}  // namespace
}  // namespace karyon::testing
