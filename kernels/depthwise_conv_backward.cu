// The gradients of depthwise convolution on CUDA.
// Invariant: nothing is added to in global memory. The data gradient gathers what each input pixel gave; the weight
// gradient is summed in two passes, first by each block over its part of the pixels, then over the blocks in a fixed
// order, the bias's along with it. 3x3 kernels at stride 1 and 2 work on tiles in shared memory (depthwise_tile.h).
#include <algorithm>

#include "kernels/depthwise_conv.h"
#include "kernels/depthwise_tile.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

template <class X, class Y>
void check_shapes(const View<X>& x, const View<Y>& dy, const ConvGeometry& g) {
  KARYON_CHECK(x.n == dy.n && x.c == dy.c && dy.h == g.out_h(x.h) && dy.w == g.out_w(x.w),
               "a depthwise convolution's output has another size than its geometry gives");
}

// ---- with respect to the data ---------------------------------------------------------------------------------------

/// dx[j] is the sum over s of dy[q] k[s] where q * stride = j + pad - s. Under a strip whose first j + pad is `parity`
/// beyond a multiple of the stride, kFirst is the first such q, counted from (j + pad) / stride.
template <int stride, int parity>
struct GradientWindow {
  static constexpr int kFirst = stride == 1 ? -2 : parity - 1;
  static constexpr int kCols = (kStrip - 1 + parity) / stride - kFirst + 1;  // under a strip
  static constexpr int kSide = (kTile - 1 + parity) / stride - kFirst + 1;   // under a tile
  static __device__ constexpr int tap(int i, int d) { return i + parity - stride * (d + kFirst); }
};

/// A block a tile of dx. parity: that of the columns, pad.left % stride.
template <class T, int stride, int parity>
__global__ void __launch_bounds__(kTiledThreads)
    depthwise_data_gradient_tile(View<const T> dy, const float* kernel, ConvGeometry g, View<T> dx, TileGrid grid) {
  constexpr int kCount = kVector<T>;
  using Window = GradientWindow<stride, parity>;
  constexpr int kSide = GradientWindow<stride, 0>::kSide;  // the same for both parities
  static_assert(Window::kSide == kSide);
  using Weights = TileWeights<kCount>;
  SHARED(T, tile, kSide * kSide * kMostLanes * kCount);
  SHARED(float, weights, Weights::kSize);
  const int group = static_cast<int>(blockIdx.x % static_cast<unsigned>(grid.groups));
  const ImageTile at = image_tile(grid, blockIdx.x / static_cast<unsigned>(grid.groups));
  const int channel = thread_channel<kCount>(grid, group);
  // Rows have a parity of their own, which only shifts the tile.
  const int padded_row = at.row + g.pad.top;
  const int first_row = padded_row / stride + (stride == 1 ? -2 : padded_row % stride - 1);
  Weights::fetch(grid, group, kernel, nullptr, dx.c, weights);
  load_tile<kCount, kSide, kSide>(dy, at.image, first_row, (at.col + g.pad.left) / stride + Window::kFirst, channel,
                                  tile);
  __syncthreads();

  // At stride 2 even and odd rows have other taps: neighbouring threads take rows of one kind.
  const int z = static_cast<int>(threadIdx.z), down = z * stride % kTile + z * stride / kTile;
  const int strip = static_cast<int>(threadIdx.y), right = strip * kStrip;
  if (channel >= dx.c || at.row + down >= dx.h || at.col + right >= dx.w) return;
  float sums[kStrip][kCount] = {};
#pragma unroll
  for (int r = 0; r < 3; ++r) {
    const int distance = padded_row + down - r;  // of the output row that sees this one as its row r
    if (distance % stride != 0) continue;
    const int pixel = (distance / stride - first_row) * kSide + right / stride;
    add_row_of_taps<Window>(tile, pixel, weights, r, sums);
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (at.col + right + i < dx.w) store<kCount>(dx.at(at.image, at.row + down, at.col + right + i) + channel, sums[i]);
  }
}

/// Any geometry: a thread one vector of channels of an input pixel.
template <class T, int count>
__global__ void __launch_bounds__(kThreads)
    depthwise_data_gradient_pixels(View<const T> dy, const float* kernel, ConvGeometry g, View<T> dx) {
  const int groups = dx.c / count;
  const std::int64_t all = dx.pixels() * groups, step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < all; i += step) {
    const std::int64_t pixel = i / groups, line = pixel / dx.w;
    const int channel = static_cast<int>(i % groups) * count, n = static_cast<int>(line / dx.h);
    const int row = static_cast<int>(line % dx.h) + g.pad.top, col = static_cast<int>(pixel % dx.w) + g.pad.left;
    float sum[count] = {};
    // Every stride-th tap meets an output, each the one before the last one's.
    for (int r = row % g.stride_h, p = row / g.stride_h; r < g.kernel_h && p >= 0; r += g.stride_h, --p) {
      if (p >= dy.h) continue;
      for (int s = col % g.stride_w, q = col / g.stride_w; s < g.kernel_w && q >= 0; s += g.stride_w, --q) {
        if (q >= dy.w) continue;
        float values[count];
        load<count>(dy.at(n, p, q) + channel, values);
        const float* tap = kernel + std::int64_t{r * g.kernel_w + s} * dx.c + channel;
#pragma unroll
        for (int k = 0; k < count; ++k) sum[k] += values[k] * tap[k];
      }
    }
    store<count>(dx.pixel(pixel) + channel, sum);
  }
}

template <class T, int stride, int parity>
void data_gradient_by_tiles(const Stream& stream, View<const T> dy, const float* kernel, const ConvGeometry& g,
                            View<T> dx) {
  const TileGrid grid(dx.n, dx.h, dx.w, dx.c / kVector<T>);
  const auto blocks = static_cast<unsigned>(grid.tiles() * grid.groups);
  LAUNCH((depthwise_data_gradient_tile<T, stride, parity>), blocks, grid.block(), stream, dy, kernel, g, dx, grid);
}

// ---- with respect to the weights ------------------------------------------------------------------------------------
// Partial sums lie as [block][taps, then the bias if it is asked for][channels].

constexpr int kRows = 10;          // sums of a tiled thread: nine taps and the bias
constexpr int kWeightVector = 4;   // their channels, of either type: ten sums of eight would leave too few threads
constexpr int kTilesABlock = 4;    // at least, so that there is less to write than to read
constexpr int kMostBlocks = 1056;  // eight for each of an H100's 132 multiprocessors

/// sums[t] += x dy over a strip of outputs; `pixel` is the tile's under tap (0, 0) of the strip's first.
template <int stride, class T>
__device__ inline void add_strip(const T* tile, int pixel, const float (&dy)[kStrip][kWeightVector],
                                 float (&sums)[kRows][kWeightVector]) {
  using Window = ForwardWindow<stride>;
#pragma unroll
  for (int r = 0; r < 3; ++r) {
#pragma unroll
    for (int d = 0; d < Window::kCols; ++d) {
      float values[kWeightVector];
      load_from_tile(tile, pixel + r * Window::kSide + d, values);
#pragma unroll
      for (int i = 0; i < kStrip; ++i) {
        const int s = Window::tap(i, d);
        if (s < 0 || s > 2) continue;
#pragma unroll
        for (int k = 0; k < kWeightVector; ++k) sums[r * 3 + s][k] += values[k] * dy[i][k];
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
#pragma unroll
    for (int k = 0; k < kWeightVector; ++k) sums[9][k] += dy[i][k];
  }
}

/// Adds up the sums of a block's threads that have the same channels and writes the first `rows` of them to
/// partial[rows][channels]: over a warp by shuffles, over the warps through scratch[warp][kRows][lane][4].
__device__ inline void write_block_sums(const TileGrid& grid, int group, int channels, int rows,
                                        float (&sums)[kRows][kWeightVector], float* scratch, float* partial) {
  const int threads = grid.lanes * kStrips * kTile, warps = threads / kWarp, width = grid.lanes * kWeightVector;
  const int thread = static_cast<int>((threadIdx.z * kStrips + threadIdx.y) * blockDim.x + threadIdx.x);
#pragma unroll
  for (int t = 0; t < kRows; ++t) {
#pragma unroll
    for (int k = 0; k < kWeightVector; ++k) {
      for (int distance = grid.lanes; distance < kWarp; distance *= 2) {
        sums[t][k] += __shfl_xor_sync(kFullWarp, sums[t][k], distance);
      }
    }
    if (thread % kWarp < grid.lanes) {
      store<kWeightVector>(scratch + (thread / kWarp * kRows + t) * width + thread % kWarp * kWeightVector, sums[t]);
    }
  }
  __syncthreads();
  for (int i = thread; i < rows * width; i += threads) {
    const int channel = group * width + i % width;
    if (channel >= channels) continue;
    float sum = 0;
    for (int warp = 0; warp < warps; ++warp) sum += scratch[warp * kRows * width + i];
    partial[std::int64_t{i / width} * channels + channel] = sum;
  }
}

/// A block a group of channels (blockIdx.y) of every gridDim.x-th tile of dy. rows: 10 with the bias, else 9.
template <class T, int stride>
__global__ void __launch_bounds__(kTiledThreads)
    depthwise_weight_gradient_tiles(View<const T> x, View<const T> dy, ConvGeometry g, TileGrid grid, int rows,
                                    float* partial) {
  constexpr int kSide = ForwardWindow<stride>::kSide;
  SHARED(T, tile, kSide * kSide * kMostLanes * kWeightVector);
  SHARED(float, scratch, kTiledThreads / kWarp * kRows * kMostLanes * kWeightVector);
  const int group = static_cast<int>(blockIdx.y), channel = thread_channel<kWeightVector>(grid, group);
  const int down = static_cast<int>(threadIdx.z), right = static_cast<int>(threadIdx.y) * kStrip;
  float sums[kRows][kWeightVector] = {};
  for (std::int64_t index = blockIdx.x; index < grid.tiles(); index += gridDim.x) {
    const ImageTile at = image_tile(grid, index);
    const bool active = channel < dy.c && at.row + down < dy.h && at.col + right < dy.w;
    float gradient[kStrip][kWeightVector] = {};
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      if (!active || at.col + right + i >= dy.w) continue;
      load<kWeightVector>(dy.at(at.image, at.row + down, at.col + right + i) + channel, gradient[i]);
    }
    load_tile<kWeightVector, kSide, kSide>(x, at.image, at.row * stride - g.pad.top, at.col * stride - g.pad.left,
                                           channel, tile);
    __syncthreads();
    if (active) add_strip<stride>(tile, down * stride * kSide + right * stride, gradient, sums);
    __syncthreads();  // before the next tile comes
  }
  write_block_sums(grid, group, dy.c, rows, sums, scratch, partial + std::int64_t{blockIdx.x} * rows * dy.c);
}

constexpr int kLanes = 8, kLines = 32;  // a block of any geometry: vectors of channels times image rows

/// The range of output columns whose tap s lies inside the image.
struct Columns {
  int begin, end;
};
__device__ inline Columns columns_inside(const ConvGeometry& g, int s, int in_w, int out_w) {
  const int before = g.pad.left - s, last = in_w - 1 + before;
  return {before <= 0 ? 0 : (before + g.stride_w - 1) / g.stride_w,
          last < 0 ? 0 : std::min(out_w, last / g.stride_w + 1)};
}

/// Any geometry: a block kLanes vectors of channels (blockIdx.x) and one tap or the bias (blockIdx.y) over some rows of
/// all images (blockIdx.z).
template <class T, int count>
__global__ void __launch_bounds__(kLanes* kLines)
    depthwise_weight_gradient_tap(View<const T> x, View<const T> dy, ConvGeometry g, float* partial) {
  SHARED(float, scratch, kLines* kLanes* count);
  const int lane = static_cast<int>(threadIdx.x), channel = (static_cast<int>(blockIdx.x) * kLanes + lane) * count;
  const int tap = static_cast<int>(blockIdx.y), r = tap / g.kernel_w, s = tap % g.kernel_w;
  const bool of_bias = r == g.kernel_h;
  const Columns inside = of_bias ? Columns{0, dy.w} : columns_inside(g, s, x.w, dy.w);
  const std::int64_t lines = std::int64_t{dy.n} * dy.h, step = std::int64_t{gridDim.z} * kLines;
  float sums[count] = {};
  for (std::int64_t line = std::int64_t{blockIdx.z} * kLines + threadIdx.y; line < lines; line += step) {
    const int n = static_cast<int>(line / dy.h), p = static_cast<int>(line % dy.h);
    const int row = p * g.stride_h - g.pad.top + r;
    if (channel >= dy.c || (!of_bias && (row < 0 || row >= x.h))) continue;
    for (int q = inside.begin; q < inside.end; ++q) {
      float gradient[count], values[count];
      load<count>(dy.at(n, p, q) + channel, gradient);
      if (!of_bias) load<count>(x.at(n, row, q * g.stride_w - g.pad.left + s) + channel, values);
#pragma unroll
      for (int k = 0; k < count; ++k) sums[k] += of_bias ? gradient[k] : values[k] * gradient[k];
    }
  }
#pragma unroll
  for (int k = 0; k < count; ++k) scratch[(static_cast<int>(threadIdx.y) * kLanes + lane) * count + k] = sums[k];
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.y) * kLanes + lane;
  const int mine = static_cast<int>(blockIdx.x) * kLanes * count + thread;
  if (thread >= kLanes * count || mine >= dy.c) return;
  float sum = 0;
  for (int line = 0; line < kLines; ++line) sum += scratch[line * kLanes * count + thread];
  partial[(std::int64_t{blockIdx.z} * gridDim.y + tap) * dy.c + mine] = sum;
}

constexpr int kSummands = 16;  // threads that share the blocks of a weight

/// A warp adds neighbouring weights of every kSummands-th block, the first warp what the others found.
__global__ void __launch_bounds__(kWarp* kSummands)
    depthwise_weight_gradient_total(const float* partial, int blocks, std::int64_t width, std::int64_t kernel_size,
                                    float* dkernel, float* dbias) {
  SHARED(float, sums, kWarp* kSummands);
  const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
  const std::int64_t element = std::int64_t{blockIdx.x} * kWarp + lane;
  float sum = 0;
  if (element < width) {
#pragma unroll 4
    for (int block = part; block < blocks; block += kSummands) sum += partial[block * width + element];
  }
  sums[part * kWarp + lane] = sum;
  __syncthreads();
  if (part > 0 || element >= width) return;
  for (int other = 1; other < kSummands; ++other) sum += sums[other * kWarp + lane];
  (element < kernel_size ? dkernel[element] : dbias[element - kernel_size]) = sum;
}

/// The first pass by tiles; returns how many blocks left partial sums in the workspace.
template <class T, int stride>
unsigned weight_sums_by_tiles(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& g, int rows,
                              float*& partial) {
  const TileGrid grid(dy.n, dy.h, dy.w, dy.c / kWeightVector);
  const unsigned blocks = blocks_for(grid.tiles(), kTilesABlock, std::max(1, kMostBlocks / grid.groups));
  partial = stream.workspace<float>(std::int64_t{blocks} * rows * dy.c);
  LAUNCH((depthwise_weight_gradient_tiles<T, stride>), dim3(blocks, static_cast<unsigned>(grid.groups)), grid.block(),
         stream, x, dy, g, grid, rows, partial);
  return blocks;
}

/// The first pass for any geometry.
template <class T, int count>
unsigned weight_sums_by_taps(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& g, int rows,
                             float*& partial) {
  constexpr int kMostAlongPixels = 64;
  const unsigned blocks = blocks_for(std::int64_t{dy.n} * dy.h, kLines, kMostAlongPixels);
  partial = stream.workspace<float>(std::int64_t{blocks} * rows * dy.c);
  const dim3 grid(blocks_for(dy.c, kLanes * count), static_cast<unsigned>(rows), blocks);
  LAUNCH((depthwise_weight_gradient_tap<T, count>), grid, dim3(kLanes, kLines), stream, x, dy, g, partial);
  return blocks;
}

}  // namespace

template <class T>
void depthwise_conv_backward_data(Stream& stream, View<const T> dy, const float* kernel, const ConvGeometry& geometry,
                                  View<T> dx) {
  check_shapes(dx, dy, geometry);
  constexpr int kWide = kVector<T>;
  if (!in_vectors_of(dy, kWide) || !in_vectors_of(dx, kWide)) {
    LAUNCH((depthwise_data_gradient_pixels<T, 1>), blocks_for(dx.size(), kThreads), kThreads, stream, dy, kernel,
           geometry, dx);
  } else if (!tiles_serve(geometry)) {
    LAUNCH((depthwise_data_gradient_pixels<T, kWide>), blocks_for(dx.size() / kWide, kThreads), kThreads, stream, dy,
           kernel, geometry, dx);
  } else if (geometry.stride_h == 1) {
    data_gradient_by_tiles<T, 1, 0>(stream, dy, kernel, geometry, dx);
  } else if (geometry.pad.left % 2 == 0) {
    data_gradient_by_tiles<T, 2, 0>(stream, dy, kernel, geometry, dx);
  } else {
    data_gradient_by_tiles<T, 2, 1>(stream, dy, kernel, geometry, dx);
  }
}
template void depthwise_conv_backward_data<float>(Stream&, ConstFloatView, const float*, const ConvGeometry&,
                                                  FloatView);
template void depthwise_conv_backward_data<Bfloat16>(Stream&, View<const Bfloat16>, const float*, const ConvGeometry&,
                                                     View<Bfloat16>);

template <class T>
void depthwise_conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                    float* dkernel, float* dbias) {
  check_shapes(x, dy, geometry);
  const int taps = geometry.kernel_h * geometry.kernel_w, rows = taps + (dbias != nullptr ? 1 : 0);
  const bool tiled = tiles_serve(geometry) && in_vectors_of(x, kWeightVector) && in_vectors_of(dy, kWeightVector);
  float* partial = nullptr;
  unsigned blocks = 0;
  if (tiled && geometry.stride_h == 1) {
    blocks = weight_sums_by_tiles<T, 1>(stream, x, dy, geometry, rows, partial);
  } else if (tiled) {
    blocks = weight_sums_by_tiles<T, 2>(stream, x, dy, geometry, rows, partial);
  } else if (in_vectors_of(x, kVector<T>) && in_vectors_of(dy, kVector<T>)) {
    blocks = weight_sums_by_taps<T, kVector<T>>(stream, x, dy, geometry, rows, partial);
  } else {
    blocks = weight_sums_by_taps<T, 1>(stream, x, dy, geometry, rows, partial);
  }
  const std::int64_t width = std::int64_t{rows} * x.c;
  LAUNCH(depthwise_weight_gradient_total, blocks_for(width, kWarp), dim3(kWarp, kSummands), stream, partial,
         static_cast<int>(blocks), width, std::int64_t{taps} * x.c, dkernel, dbias);
}
template void depthwise_conv_backward_weight<float>(Stream&, ConstFloatView, ConstFloatView, const ConvGeometry&,
                                                    float*, float*);
template void depthwise_conv_backward_weight<Bfloat16>(Stream&, View<const Bfloat16>, View<const Bfloat16>,
                                                       const ConvGeometry&, float*, float*);

}  // namespace karyon::cuda
