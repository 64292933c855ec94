// The implicit matrix product of the weights' gradient (implicit_gemm.h).
// A row is a tap and a channel of the fine grid, a column a channel of the coarse one, and the depth runs over the
// coarse pixels. There are few rows and columns and many pixels, so the pixels are cut into parts (blockIdx.z), whose
// sums a second pass adds in order. Into how many depends on the shapes alone. In a tile of rows every thread keeps its
// tap and channels while it walks over the pixels.
#include <algorithm>
#include <limits>

#include "kernels/check.h"
#include "kernels/gemm_tile.h"
#include "kernels/implicit_gemm.h"
#include "kernels/partial_sums.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

using gemm::kColumns;
using gemm::kDepth;
using gemm::kThreads;

template <class T, class Y>
struct WeightProduct {
  View<const T> fine;
  View<const Y> first, second;  // coarse; second: none if it has no channels
  ConvGeometry geometry;
  int rows;                // taps times row_channels
  int row_channels;        // the fine channels, rounded up so that no 16 bytes of them belong to two taps
  int pixels_a_part;       // the coarse pixels of a part
  float* sums;             // of part 0: [tap][fine channel][coarse channel of both]
  std::int64_t part_size;  // floats from one part's sums to the next's
  bool wide_sums;          // may be written four at a time
};

/// A coarse pixel that a thread walks with.
struct Place {
  int image, y, x;
};

/// The place `pixels` pixels behind image 0's first.
template <class Y>
__device__ inline Place place_of(const View<Y>& view, int pixels) {
  const int row = pixels / view.w;
  return {row / view.h, row % view.h, pixels % view.w};
}

/// What a block multiplies, kDepth coarse pixels after the other.
template <class T, class Y, bool kWide, int kRows>
class WeightOperands {
 public:
  /// coarse: the view that has the block's columns, from first_column on; end: the first pixel of the next part.
  __device__ WeightOperands(const WeightProduct<T, Y>& product, const View<const Y>& coarse, int first_row,
                            int first_column, int begin, int end)
      : product_(product),
        data_(coarse.data),
        pitch_(coarse.pitch),
        column_(first_column + column()),
        columns_left_(coarse.c - column_),
        begin_(begin),
        end_(end),
        step_(place_of(product.first, kDepth)) {
    const ConvGeometry& g = product.geometry;
    const int tap = (first_row + row()) / product.row_channels;
    channel_ = (first_row + row()) % product.row_channels;
    channels_left_ = first_row + row() < product.rows ? product.fine.c - channel_ : 0;
    tap_y_ = tap / g.kernel_w - g.pad.top;
    tap_x_ = tap % g.kernel_w - g.pad.left;
#pragma unroll
    for (int i = 0; i < kFineLoads; ++i) at_[i] = place_of(product.first, begin + fine_line(i));
  }

  __device__ void fetch() {
    const View<const T>& fine = product_.fine;
    const ConvGeometry& g = product_.geometry;
#pragma unroll
    for (int i = 0; i < kFineLoads; ++i) {
      const int y = at_[i].y * g.stride_h + tap_y_, x = at_[i].x * g.stride_w + tap_x_;
      const bool inside = begin_ + fine_line(i) < end_ && y >= 0 && y < fine.h && x >= 0 && x < fine.w;
      const int pixel = (at_[i].image * fine.h + y) * fine.w + x;
      fine_[i].template load_valid<kWide>(fine.data + pixel * fine.pitch + channel_, inside ? channels_left_ : 0);
      walk(at_[i]);
    }
#pragma unroll
    for (int i = 0; i < kCoarseLoads; ++i) {
      const int pixel = begin_ + coarse_line(i);
      coarse_[i].template load_valid<kWide>(data_ + pixel * pitch_ + column_, pixel < end_ ? columns_left_ : 0);
    }
    begin_ += kDepth;
  }

  __device__ void put(float* a, float* b) const {
#pragma unroll
    for (int i = 0; i < kFineLoads; ++i) gemm::put_along<kRows>(a, fine_line(i), row(), fine_[i]);
#pragma unroll
    for (int i = 0; i < kCoarseLoads; ++i) gemm::put_along<kColumns>(b, coarse_line(i), column(), coarse_[i]);
  }

 private:
  // Neighbouring threads read a pixel's channels, 16 bytes each.
  static constexpr int kFineThreads = kRows / kVector<T>, kCoarseThreads = kColumns / kVector<Y>;
  static constexpr int kFineLoads = kDepth * kFineThreads / kThreads;
  static constexpr int kCoarseLoads = kDepth * kCoarseThreads / kThreads;

  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ static int row() { return thread() % kFineThreads * kVector<T>; }
  __device__ static int fine_line(int i) { return thread() / kFineThreads + i * (kThreads / kFineThreads); }
  __device__ static int column() { return thread() % kCoarseThreads * kVector<Y>; }
  __device__ static int coarse_line(int i) { return thread() / kCoarseThreads + i * (kThreads / kCoarseThreads); }

  /// kDepth pixels on, without a division.
  __device__ void walk(Place& at) const {
    at.x += step_.x;
    at.y += step_.y;
    at.image += step_.image;
    if (at.x >= product_.first.w) {
      at.x -= product_.first.w;
      ++at.y;
    }
    if (at.y >= product_.first.h) {
      at.y -= product_.first.h;
      ++at.image;
    }
  }

  const WeightProduct<T, Y>& product_;
  const Y* data_;
  std::int64_t pitch_;
  int column_, columns_left_;
  int begin_, end_;  // begin_: the next step's first pixel
  Place step_;
  int channel_, channels_left_, tap_y_, tap_x_;
  Place at_[kFineLoads];
  gemm::Packed<T> fine_[kFineLoads];
  gemm::Packed<Y> coarse_[kCoarseLoads];
};

/// This thread's sums, where the gradient of the weights (or a part of it) has them.
template <int kRows, class T, class Y>
__device__ inline void store_sums(const WeightProduct<T, Y>& product, int first_row, int first_column, int columns,
                                  float* result, const gemm::Sums<kRows>& sums) {
  const std::int64_t pitch = product.first.c + product.second.c;
#pragma unroll
  for (int i = 0; i < gemm::kThreadRows<kRows>; ++i) {
    const int row = first_row + gemm::thread_row<kRows>() + i;
    const int tap = row / product.row_channels, channel = row % product.row_channels;
    if (row < product.rows && channel < product.fine.c) {
      float* line = result + (std::int64_t{tap} * product.fine.c + channel) * pitch;
#pragma unroll
      for (int group = 0; group < 2; ++group) {
        const int column = first_column + gemm::thread_column(group);
        const float* of_group = sums[i] + group * 4;
        const float four[4] = {of_group[0], of_group[1], of_group[2], of_group[3]};
        gemm::store_four(line + column, product.wide_sums, columns - column, four);
      }
    }
  }
}

template <class T, class Y, bool kWide, int kRows>
__global__ void __launch_bounds__(gemm::kThreads, gemm::kBlocks<kRows>) multiply_weights(WeightProduct<T, Y> product) {
  SHARED(float, a, 2 * kDepth * kRows);
  SHARED(float, b, 2 * kDepth * kColumns);
  const int first_row = static_cast<int>(blockIdx.x) * kRows;
  const int tiles_of_first = (product.first.c + kColumns - 1) / kColumns, tile = static_cast<int>(blockIdx.y);
  const bool in_second = tile >= tiles_of_first;
  const View<const Y> coarse = in_second ? product.second : product.first;
  const int first_column = (in_second ? tile - tiles_of_first : tile) * kColumns;
  const auto pixels = static_cast<int>(product.first.pixels());
  const int part = static_cast<int>(blockIdx.z), begin = part * product.pixels_a_part;
  const int end = pixels - begin < product.pixels_a_part ? pixels : begin + product.pixels_a_part;

  gemm::Sums<kRows> sums;
  WeightOperands<T, Y, kWide, kRows> operands(product, coarse, first_row, first_column, begin, end);
  gemm::multiply<kRows>(operands, (end - begin + kDepth - 1) / kDepth, a, b, sums);
  float* result = product.sums + part * product.part_size + (in_second ? product.first.c : 0);
  store_sums<kRows>(product, first_row, first_column, coarse.c, result, sums);
}

int tiles(int count, int size) { return (count + size - 1) / size; }

/// How many parts the pixels are cut into: enough blocks for four on each of 132 multiprocessors (an H100), but no part
/// of less than 8 steps.
int count_parts(std::int64_t pixels, int tiles) {
  constexpr int kGoodBlocks = 528;
  const std::int64_t most = std::max<std::int64_t>(1, pixels / (8 * kDepth));
  return static_cast<int>(std::min<std::int64_t>(most, (kGoodBlocks + tiles - 1) / tiles));
}

template <class T, class Y>
void launch_product(const Stream& stream, const WeightProduct<T, Y>& product, dim3 grid, int rows, bool wide) {
  if (!wide) {
    LAUNCH((multiply_weights<T, Y, false, 64>), grid, kThreads, stream, product);
  } else if (rows == 64) {
    LAUNCH((multiply_weights<T, Y, true, 64>), grid, kThreads, stream, product);
  } else {
    LAUNCH((multiply_weights<T, Y, true, 128>), grid, kThreads, stream, product);
  }
}

}  // namespace

template <class T, class Y>
void gemm_of_weights(Stream& stream, View<const T> fine, std::span<const View<const Y>> coarse,
                     const ConvGeometry& geometry, float* dkernel) {
  KARYON_CHECK(coarse.size() == 1 || coarse.size() == 2, "one or two inputs side by side");
  const View<const Y> first = coarse[0], second = coarse.size() == 2 ? coarse[1] : View<const Y>();
  KARYON_CHECK(fine.pixels() <= std::numeric_limits<int>::max() && first.pixels() <= std::numeric_limits<int>::max(),
               "a convolution counts its pixels in an int");
  const bool wide =
      in_vectors_of(fine, kVector<T>) && in_vectors_of(first, kVector<Y>) && in_vectors_of(second, kVector<Y>);
  const int taps = geometry.kernel_h * geometry.kernel_w, channels = first.c + second.c;
  const int row_channels = tiles(fine.c, kVector<T>) * kVector<T>, all_rows = taps * row_channels;
  const int rows = !wide || all_rows <= 64 ? 64 : 128;
  dim3 grid(static_cast<unsigned>(tiles(all_rows, rows)),
            static_cast<unsigned>(tiles(first.c, kColumns) + tiles(second.c, kColumns)));
  const auto pixels = static_cast<int>(first.pixels());
  const int wanted = count_parts(pixels, static_cast<int>(grid.x * grid.y));
  const int pixels_a_part = tiles(tiles(pixels, wanted), kDepth) * kDepth;
  grid.z = static_cast<unsigned>(tiles(pixels, pixels_a_part));

  const std::int64_t size = std::int64_t{taps} * fine.c * channels;
  float* sums = grid.z == 1 ? dkernel : stream.workspace<float>(grid.z * size);
  const bool wide_sums = first.c % 4 == 0 && second.c % 4 == 0 && reinterpret_cast<std::uintptr_t>(sums) % 16 == 0;
  launch_product<T, Y>(stream,
                       {.fine = fine,
                        .first = first,
                        .second = second,
                        .geometry = geometry,
                        .rows = all_rows,
                        .row_channels = row_channels,
                        .pixels_a_part = pixels_a_part,
                        .sums = sums,
                        .part_size = size,
                        .wide_sums = wide_sums},
                       grid, rows, wide);
  if (grid.z > 1) add_partial_sums(stream, sums, static_cast<int>(grid.z), size, dkernel);
}
template void gemm_of_weights<float, float>(Stream&, ConstFloatView, std::span<const ConstFloatView>,
                                            const ConvGeometry&, float*);
template void gemm_of_weights<Bfloat16, Bfloat16>(Stream&, View<const Bfloat16>, std::span<const View<const Bfloat16>>,
                                                  const ConvGeometry&, float*);
template void gemm_of_weights<float, Bfloat16>(Stream&, ConstFloatView, std::span<const View<const Bfloat16>>,
                                               const ConvGeometry&, float*);

}  // namespace karyon::cuda
