// Stands in for CUDA's header of this name where kernels are compiled for the SIMT machine: the matrix operations of a
// warp, for bf16 and TF32 numbers with sums in float.
// Invariant: each operation is one of the whole warp, so that a divergent call is caught, and refuses pointers and
// leading dimensions that CUDA forbids. Every lane holds all of an operand, and eight elements of a sum; which ones is
// nobody's business, as on a GPU. What a lane stores its warp sees after a __syncwarp() at the earliest.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include <cuda_bf16.h>

#include "tests/simt/machine.h"

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): CUDA's names
namespace nvcuda::wmma {

struct row_major;
struct col_major;
struct matrix_a;
struct matrix_b;
struct accumulator;
namespace precision {
struct tf32;
}
enum layout_t { mem_row_major, mem_col_major };

/// To 10 bits behind the point, to nearest, ties away from zero, as the hardware's cvt.rna.tf32.f32. Infinities and
/// NaNs stay what they are.
inline float __float_to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000U) == 0x7f800000U) return value;
  return std::bit_cast<float>((bits + 0x1000U) & 0xffffe000U);
}

/// What the tensor cores make of a stored number; they do not look at the low 13 bits of one that is to be TF32.
inline float number(__nv_bfloat16 stored) { return __bfloat162float(stored); }
inline float number(float stored) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(stored) & 0xffffe000U); }

/// rows x columns numbers, line by line as in memory.
template <class Stored, int rows, int columns, class Layout>
struct Operand {
  static constexpr bool by_rows = std::is_same_v<Layout, row_major>;
  static_assert(by_rows || std::is_same_v<Layout, col_major>);
  static constexpr int lines = by_rows ? rows : columns, width = by_rows ? columns : rows;
  static constexpr int num_elements = rows * columns;
  using Element = Stored;
  Stored x[num_elements];
  [[nodiscard]] float at(int row, int column) const {
    return number(x[by_rows ? row * columns + column : column * rows + row]);
  }
};

template <class T>
using Stored = std::conditional_t<std::is_same_v<T, precision::tf32>, float, T>;
template <int m, int n, int k, class T>
constexpr bool supported = m == 16 && n == 16 &&
                           ((std::is_same_v<T, __nv_bfloat16> && k == 16) ||
                            (std::is_same_v<T, precision::tf32> && k == 8));

template <class Use, int m, int n, int k, class T, class Layout = void>
struct fragment;
template <int m, int n, int k, class T, class Layout>
struct fragment<matrix_a, m, n, k, T, Layout> : Operand<Stored<T>, m, k, Layout> {
  static_assert(supported<m, n, k, T>);
};
template <int m, int n, int k, class T, class Layout>
struct fragment<matrix_b, m, n, k, T, Layout> : Operand<Stored<T>, k, n, Layout> {
  static_assert(supported<m, n, k, T>);
};
/// Lane 2r + h holds columns 8h to 8h + 7 of row r.
template <int m, int n, int k>
struct fragment<accumulator, m, n, k, float, void> {
  static_assert(m == 16 && n == 16 && (k == 16 || k == 8));
  static constexpr int num_elements = 8;
  float x[num_elements];
  static int row() { return static_cast<int>(karyon::simt::lane()) / 2; }
  static int column() { return static_cast<int>(karyon::simt::lane()) % 2 * num_elements; }
};

/// CUDA asks for 32 bytes of the pointer and 16 of the distance between lines.
template <class T>
void check_alignment(const T* p, unsigned pitch) {
  if (reinterpret_cast<std::uintptr_t>(p) % 32 != 0) {
    karyon::simt::fail_kernel("a fragment's pointer is not aligned to 32 bytes");
  }
  if (pitch * sizeof(T) % 16 != 0) {
    karyon::simt::fail_kernel("a fragment's leading dimension is not a multiple of 16 bytes");
  }
}

template <class Use, int m, int n, int k, class T, class Layout, class Value>
void fill_fragment(fragment<Use, m, n, k, T, Layout>& f, Value value,
                   std::source_location where = std::source_location::current()) {
  karyon::simt::warp_barrier(where);
  for (auto& x : f.x) x = value;
}

template <class Use, int m, int n, int k, class T, class Layout>
void load_matrix_sync(fragment<Use, m, n, k, T, Layout>& f, const Stored<T>* p, unsigned pitch,
                      std::source_location where = std::source_location::current()) {
  using Fragment = fragment<Use, m, n, k, T, Layout>;
  karyon::simt::warp_barrier(where);
  check_alignment(p, pitch);
  for (int line = 0; line < Fragment::lines; ++line) {
    std::memcpy(f.x + line * Fragment::width, p + static_cast<std::size_t>(line) * pitch,
                Fragment::width * sizeof(Stored<T>));
  }
}

template <int m, int n, int k>
void store_matrix_sync(float* p, const fragment<accumulator, m, n, k, float>& f, unsigned pitch, layout_t layout,
                       std::source_location where = std::source_location::current()) {
  karyon::simt::warp_barrier(where);
  check_alignment(p, pitch);
  const auto row = static_cast<std::size_t>(f.row()), column = static_cast<std::size_t>(f.column());
  for (std::size_t i = 0; i < static_cast<std::size_t>(f.num_elements); ++i) {
    p[layout == mem_row_major ? row * pitch + column + i : (column + i) * pitch + row] = f.x[i];
  }
}

/// d = a b + c.
template <int m, int n, int k, class T, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, m, n, k, float>& d, const fragment<matrix_a, m, n, k, T, LayoutA>& a,
              const fragment<matrix_b, m, n, k, T, LayoutB>& b, const fragment<accumulator, m, n, k, float>& c,
              std::source_location where = std::source_location::current()) {
  karyon::simt::warp_barrier(where);
  float sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = c.x[i];
  for (int depth = 0; depth < k; ++depth) {
    const float left = a.at(c.row(), depth);
    for (int i = 0; i < 8; ++i) sums[i] += left * b.at(depth, c.column() + i);
  }
  for (int i = 0; i < 8; ++i) d.x[i] = sums[i];
}

}  // namespace nvcuda::wmma
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)
