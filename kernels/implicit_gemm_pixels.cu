// The two implicit matrix products whose rows are pixels: to the coarse grid and to the fine one (implicit_gemm.h).
// A row is a pixel of the result, a column one of its channels, and the depth runs over the taps and, inside, over the
// channels of one or two sources, gemm::kDepth at a time. A coarse pixel meets every tap. A fine pixel meets only those
// taps whose distance from it is a multiple of the stride; which, depends on its index modulo the stride: a phase. For
// a kernel of 3x3 and stride 2 the four phases have 4, 2, 2 and 1 of the 9 taps. blockIdx.z is the phase, named by its
// first tap, so that the blocks with most taps start first; no zero is multiplied but at the border.
#include <limits>

#include "kernels/check.h"
#include "kernels/gemm_tile.h"
#include "kernels/implicit_gemm.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

using gemm::kColumns;
using gemm::kDepth;
using gemm::kThreads;

enum class Grid : std::uint8_t { coarse, fine };

template <class T, class Y>
struct PixelProduct {
  View<const T> first, second;  // the sources; second: none if it has no channels
  const float* kernel;
  std::int64_t tap_size;  // floats from one tap's matrix to the next
  int kernel_pitch;       // and from one of its rows
  ConvGeometry geometry;
  Epilogue<Y> epilogue;
  View<Y> result;
  bool wide_result;  // results (and residuals) may be accessed four at a time
};

/// The result's pixels along one axis that belong to a phase, their sources and their taps.
struct Axis {
  int count;                      // pixels
  int result_first, result_step;  // pixel i is the result's result_first + i * result_step
  int source_first, source_step;  // its source at tap t: source_first + i * source_step, + t or (to fine) - t
  int taps, tap_first, tap_step;  // tap t is the kernel's tap_first + t * tap_step
};

/// phase: the first tap, below the stride; 0 on the coarse grid.
template <Grid to>
__device__ inline Axis make_axis(int phase, int result_size, int kernel, int stride, int pad) {
  if constexpr (to == Grid::coarse) {
    return {result_size, 0, 1, -pad, stride, kernel, 0, 1};
  } else {
    const int first = ((phase - pad) % stride + stride) % stride;
    const int count = first < result_size ? (result_size - first + stride - 1) / stride : 0;
    const int taps = phase < kernel ? (kernel - phase + stride - 1) / stride : 0;
    return {count, first, stride, (first + pad - phase) / stride, 1, taps, phase, stride};
  }
}

/// The result's pixels of a phase in order; a block takes a range of them.
struct Phase {
  Axis y, x;
  int pixels;
};

struct Place {
  int image, y, x;
};

__device__ inline Place place_of(const Phase& phase, int pixel) {
  const int row = pixel / phase.x.count;
  return {row / phase.y.count, row % phase.y.count, pixel % phase.x.count};
}

/// The next pixel's place.
__device__ inline void step(Place& at, const Phase& phase) {
  if (++at.x < phase.x.count) return;
  at.x = 0;
  if (++at.y < phase.y.count) return;
  at.y = 0;
  ++at.image;
}

template <class Y>
__device__ inline std::int64_t result_index(const View<Y>& result, const Phase& phase, const Place& at) {
  const int y = phase.y.result_first + at.y * phase.y.result_step;
  const int x = phase.x.result_first + at.x * phase.x.result_step;
  return (std::int64_t{at.image} * result.h + y) * result.w + x;
}

template <Grid to, class Y>
__device__ inline Phase make_phase(const View<Y>& result, const ConvGeometry& g) {
  const int z = static_cast<int>(blockIdx.z);
  Phase phase = {make_axis<to>(z / g.stride_w, result.h, g.kernel_h, g.stride_h, g.pad.top),
                 make_axis<to>(z % g.stride_w, result.w, g.kernel_w, g.stride_w, g.pad.left), 0};
  phase.pixels = result.n * phase.y.count * phase.x.count;
  return phase;
}

/// What a block multiplies, kDepth channels of one source at one tap after the other.
template <Grid to, class T, class Y, bool kWide, int kRows>
class PixelOperands {
 public:
  __device__ PixelOperands(const PixelProduct<T, Y>& product, const Phase& phase, int first_pixel, int first_column)
      : product_(product), phase_(phase), first_column_(first_column) {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int pixel = first_pixel + row(i);
      if (pixel < phase.pixels) {
        const Place at = place_of(phase, pixel);
        y_[i] = phase.y.source_first + at.y * phase.y.source_step;
        x_[i] = phase.x.source_first + at.x * phase.x.source_step;
        index_[i] = (at.image * product.first.h + y_[i]) * product.first.w + x_[i];
      } else {
        y_[i] = kNowhere;
        x_[i] = index_[i] = 0;
      }
    }
  }

  [[nodiscard]] __device__ int steps() const {
    const int of_a_tap = (product_.first.c + kDepth - 1) / kDepth + (product_.second.c + kDepth - 1) / kDepth;
    return phase_.y.taps * phase_.x.taps * of_a_tap;
  }

  __device__ void fetch() {
    fetch_pixels();
    fetch_kernel();
    advance();
  }

  __device__ void put(float* a, float* b) const {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) gemm::put_across<kRows>(a, channel(), row(i), pixels_[i]);
#pragma unroll
    for (int i = 0; i < kKernelLoads; ++i) {
      if constexpr (to == Grid::coarse) {
        gemm::put_along<kColumns>(b, along_line(i), along_column(), kernel_[i]);
      } else {
        gemm::put_across<kColumns>(b, across_line(), across_column(i), kernel_[i]);
      }
    }
  }

 private:
  static constexpr int kNowhere = std::numeric_limits<int>::min() / 2;
  // Neighbouring threads read a pixel's kDepth channels, kVector<T> each.
  static constexpr int kThreadsAPixel = kDepth / kVector<T>;
  static constexpr int kPixelsAtOnce = kThreads / kThreadsAPixel;
  static constexpr int kLoads = kRows / kPixelsAtOnce;
  static constexpr int kKernelLoads = kDepth * kColumns / (kThreads * 4);

  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ static int row(int i) { return thread() / kThreadsAPixel + i * kPixelsAtOnce; }
  __device__ static int channel() { return thread() % kThreadsAPixel * kVector<T>; }
  // To the coarse grid a line of the kernel's tile lies in memory as it is, to the fine grid a column.
  __device__ static int along_line(int i) { return thread() / (kColumns / 4) + i * (kDepth / kKernelLoads); }
  __device__ static int along_column() { return thread() % (kColumns / 4) * 4; }
  __device__ static int across_line() { return thread() % (kDepth / 4) * 4; }
  __device__ static int across_column(int i) { return thread() / (kDepth / 4) + i * (kColumns / kKernelLoads); }

  [[nodiscard]] __device__ int source_channels() const { return in_second_ ? product_.second.c : product_.first.c; }

  __device__ void fetch_pixels() {
    const T* data = in_second_ ? product_.second.data : product_.first.data;
    const std::int64_t pitch = in_second_ ? product_.second.pitch : product_.first.pitch;
    const int height = product_.first.h, width = product_.first.w;
    const int dy = to == Grid::coarse ? tap_y_ : -tap_y_, dx = to == Grid::coarse ? tap_x_ : -tap_x_;
    const int c = channel_ + channel(), left = source_channels() - c;
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int y = y_[i] + dy, x = x_[i] + dx;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      pixels_[i].template load_valid<kWide>(data + (index_[i] + dy * width + dx) * pitch + c, inside ? left : 0);
    }
  }

  __device__ void fetch_kernel() {
    const ConvGeometry& g = product_.geometry;
    const int tap = (phase_.y.tap_first + tap_y_ * phase_.y.tap_step) * g.kernel_w + phase_.x.tap_first +
                    tap_x_ * phase_.x.tap_step;
    const float* matrix = product_.kernel + tap * product_.tap_size;
    const std::int64_t pitch = product_.kernel_pitch;
#pragma unroll
    for (int i = 0; i < kKernelLoads; ++i) {
      if constexpr (to == Grid::coarse) {
        const int c = channel_ + along_line(i), column = first_column_ + along_column();
        const int left = c < source_channels() ? product_.result.c - column : 0;
        kernel_[i].template load_valid<kWide>(matrix + c * pitch + column, left);
      } else {
        const int c = channel_ + across_line(), column = first_column_ + across_column(i);
        const int left = column < product_.result.c ? source_channels() - c : 0;
        const int offset = in_second_ ? product_.first.c : 0;
        kernel_[i].template load_valid<kWide>(matrix + column * pitch + offset + c, left);
      }
    }
  }

  /// The next channels, else the other source, else the next tap.
  __device__ void advance() {
    channel_ += kDepth;
    if (channel_ < source_channels()) return;
    channel_ = 0;
    in_second_ = !in_second_ && product_.second.c > 0;
    if (in_second_) return;
    if (++tap_x_ < phase_.x.taps) return;
    tap_x_ = 0;
    ++tap_y_;
  }

  const PixelProduct<T, Y>& product_;
  const Phase& phase_;
  int first_column_;
  // The source of each row at tap 0, which may lie outside the image: its place and its index.
  int y_[kLoads], x_[kLoads], index_[kLoads];
  int tap_y_ = 0, tap_x_ = 0, channel_ = 0;
  bool in_second_ = false;
  gemm::Packed<T> pixels_[kLoads];
  gemm::Packed<float> kernel_[kKernelLoads];
};

/// This thread's four sums of one row, as results of `pixel` from `column` on.
template <class T, class Y>
__device__ inline void store_results(const PixelProduct<T, Y>& product, std::int64_t pixel, int column,
                                     const float* sums, const float (&bias)[4]) {
  const Epilogue<Y>& epilogue = product.epilogue;
  const int left = product.result.c - column;
  float residual[4] = {}, values[4];
  if (epilogue.residual) gemm::load_four(epilogue.residual.pixel(pixel) + column, product.wide_result, left, residual);
#pragma unroll
  for (int i = 0; i < 4; ++i) values[i] = activate(epilogue.act, sums[i] + bias[i] + residual[i]);
  gemm::store_four(product.result.pixel(pixel) + column, product.wide_result, left, values);
}

/// All of this thread's sums.
template <int kRows, class T, class Y>
__device__ inline void finish(const PixelProduct<T, Y>& product, const Phase& phase, int first_pixel, int first_column,
                              const gemm::Sums<kRows>& sums) {
  float bias[2][4] = {};
  if (product.epilogue.bias != nullptr) {
#pragma unroll
    for (int group = 0; group < 2; ++group) {
      const int column = first_column + gemm::thread_column(group);
      gemm::load_four(product.epilogue.bias + column, false, product.result.c - column, bias[group]);
    }
  }
  const int pixel = first_pixel + gemm::thread_row<kRows>();
  Place at = place_of(phase, pixel);
#pragma unroll
  for (int i = 0; i < gemm::kThreadRows<kRows>; ++i) {
    if (pixel + i < phase.pixels) {
      const std::int64_t index = result_index(product.result, phase, at);
#pragma unroll
      for (int group = 0; group < 2; ++group) {
        store_results(product, index, first_column + gemm::thread_column(group), sums[i] + group * 4, bias[group]);
      }
    }
    step(at, phase);
  }
}

template <Grid to, class T, class Y, bool kWide, int kRows>
__global__ void __launch_bounds__(gemm::kThreads, gemm::kBlocks<kRows>) multiply_pixels(PixelProduct<T, Y> product) {
  SHARED(float, a, 2 * kDepth * kRows);
  SHARED(float, b, 2 * kDepth * kColumns);
  const Phase phase = make_phase<to>(product.result, product.geometry);
  const int first_pixel = static_cast<int>(blockIdx.x) * kRows, first_column = static_cast<int>(blockIdx.y) * kColumns;
  if (first_pixel >= phase.pixels) return;  // the whole block: other phases have more pixels
  gemm::Sums<kRows> sums;
  PixelOperands<to, T, Y, kWide, kRows> operands(product, phase, first_pixel, first_column);
  gemm::multiply<kRows>(operands, operands.steps(), a, b, sums);
  finish<kRows>(product, phase, first_pixel, first_column, sums);
}

/// Blocks below which a GPU's multiprocessors (132 on an H100) would have less than two of the large tiles each.
constexpr std::int64_t kFewBlocks = 264;

template <Grid to, class T, class Y>
void launch_product(const Stream& stream, const PixelProduct<T, Y>& product, bool wide) {
  const View<Y>& y = product.result;
  const ConvGeometry& g = product.geometry;
  KARYON_CHECK(
      y.pixels() <= std::numeric_limits<int>::max() && product.first.pixels() <= std::numeric_limits<int>::max(),
      "a convolution counts its pixels in an int");
  const int stride_h = to == Grid::fine ? g.stride_h : 1, stride_w = to == Grid::fine ? g.stride_w : 1;
  const std::int64_t pixels =  // of the largest phase
      std::int64_t{y.n} * ((y.h + stride_h - 1) / stride_h) * ((y.w + stride_w - 1) / stride_w);
  const int phases = stride_h * stride_w;
  const auto columns = static_cast<unsigned>((y.c + kColumns - 1) / kColumns);
  const auto grid = [&](int rows) {
    return dim3(static_cast<unsigned>((pixels + rows - 1) / rows), columns, static_cast<unsigned>(phases));
  };
  if (!wide) {
    LAUNCH((multiply_pixels<to, T, Y, false, 64>), grid(64), kThreads, stream, product);
  } else if ((pixels + 127) / 128 * columns * phases < kFewBlocks) {
    LAUNCH((multiply_pixels<to, T, Y, true, 64>), grid(64), kThreads, stream, product);
  } else {
    LAUNCH((multiply_pixels<to, T, Y, true, 128>), grid(128), kThreads, stream, product);
  }
}

bool in_fours(const float* kernel, int pitch, int channels) {
  return pitch % 4 == 0 && channels % 4 == 0 && reinterpret_cast<std::uintptr_t>(kernel) % 16 == 0;
}

template <class Y>
bool results_in_fours(const View<Y>& y, const Epilogue<Y>& epilogue) {
  return in_vectors_of(y, 4) && in_vectors_of(epilogue.residual, 4);
}

}  // namespace

template <class T, class Y>
void gemm_to_coarse(Stream& stream, View<const T> fine, const float* kernel, int kernel_pitch,
                    const Epilogue<Y>& epilogue, const ConvGeometry& geometry, View<Y> coarse) {
  const PixelProduct<T, Y> product = {.first = fine,
                                      .second = {},
                                      .kernel = kernel,
                                      .tap_size = std::int64_t{fine.c} * kernel_pitch,
                                      .kernel_pitch = kernel_pitch,
                                      .geometry = geometry,
                                      .epilogue = epilogue,
                                      .result = coarse,
                                      .wide_result = results_in_fours(coarse, epilogue)};
  const bool wide = in_vectors_of(fine, kVector<T>) && in_fours(kernel, kernel_pitch, coarse.c);
  launch_product<Grid::coarse>(stream, product, wide);
}

template <class T, class Y>
void gemm_to_fine(Stream& stream, std::span<const View<const T>> coarse, const float* kernel,
                  const Epilogue<Y>& epilogue, const ConvGeometry& geometry, View<Y> fine) {
  KARYON_CHECK(coarse.size() == 1 || coarse.size() == 2, "one or two inputs side by side");
  const View<const T> first = coarse[0], second = coarse.size() == 2 ? coarse[1] : View<const T>();
  const int channels = first.c + second.c;
  const PixelProduct<T, Y> product = {.first = first,
                                      .second = second,
                                      .kernel = kernel,
                                      .tap_size = std::int64_t{fine.c} * channels,
                                      .kernel_pitch = channels,
                                      .geometry = geometry,
                                      .epilogue = epilogue,
                                      .result = fine,
                                      .wide_result = results_in_fours(fine, epilogue)};
  const bool wide =
      in_vectors_of(first, kVector<T>) && in_vectors_of(second, kVector<T>) && in_fours(kernel, channels, first.c);
  launch_product<Grid::fine>(stream, product, wide);
}

#define INSTANTIATE_TO_COARSE(T, Y)                                                                 \
  template void gemm_to_coarse<T, Y>(Stream&, View<const T>, const float*, int, const Epilogue<Y>&, \
                                     const ConvGeometry&, View<Y>);
#define INSTANTIATE_TO_FINE(T, Y)                                                                             \
  template void gemm_to_fine<T, Y>(Stream&, std::span<const View<const T>>, const float*, const Epilogue<Y>&, \
                                   const ConvGeometry&, View<Y>);
INSTANTIATE_TO_COARSE(float, float)
INSTANTIATE_TO_COARSE(Bfloat16, Bfloat16)
INSTANTIATE_TO_COARSE(float, Bfloat16)
INSTANTIATE_TO_FINE(float, float)
INSTANTIATE_TO_FINE(Bfloat16, Bfloat16)
INSTANTIATE_TO_FINE(Bfloat16, float)

}  // namespace karyon::cuda
