// The transposed convolution's weight gradient on the tensor cores: for each tap a product over the input pixels,
//   dkernel[tap][out][in] = sum over pixels of dy[the pixel's output under the tap][out] * x[pixel][in].
// Invariant: the pixels are split over blocks, whose sums lie side by side in the workspace and are added in a fixed
// order; the split depends on shapes alone. Pixels are the products' common index, so both operands come as lines of
// channels, as they are stored. dbias is summed the same way.
#include <algorithm>

#include "kernels/check.h"
#include "kernels/conv_transpose_tensor.h"
#include "kernels/tensor_tile.h"

namespace karyon::cuda {

namespace {

using tensor::kChunk;
using tensor::kColumns;
using tensor::kThreads;
using tensor::Place;

constexpr int kRows = 2;                             // fragments of a warp
constexpr int kTileRows = tensor::tile_rows(kRows);  // output channels of a block
constexpr std::int64_t kBlocks = 512;                // that keep a GPU busy
constexpr std::int64_t kFewPixels = 128;             // not worth another block
constexpr int kBiasThreads = 256, kMostBiasBlocks = 128;

template <class T, class Y>
struct WeightSums {
  View<const T> inputs[2];
  View<const Y> dy;
  ConvGeometry geometry;
  int kernel_channels = 0;
  int split_pixels = 0;   // of a block
  float* sums = nullptr;  // a kernel's size for each split
};

/// The block's operands, for multiply(): k runs over its input pixels. The thread's pieces of A and B belong to the
/// same pixels, since both tiles have the same lines.
template <class T, class Y, class Lines>
class PixelOperands {
 public:
  using A = Y;
  using B = T;

  __device__ PixelOperands(const View<const T>& x, const View<const Y>& dy, const ConvGeometry& g, int tap,
                           int first_pixel, int pixel_end, int first_out, int first_in)
      : x_(x), dy_(dy), stride_h_(g.stride_h), stride_w_(g.stride_w), pixel_end_(pixel_end) {
    down_ = tap / g.kernel_w - g.pad.top;
    right_ = tap % g.kernel_w - g.pad.left;
    step_x_ = kChunk<T> % x.w;
    step_y_ = kChunk<T> / x.w % x.h;
    step_image_ = kChunk<T> / x.w / x.h;
    out_ = first_out + Lines::column();
    in_ = first_in + Lines::column();
#pragma unroll
    for (int i = 0; i < Lines::kPieces; ++i) {
      pixel_[i] = first_pixel + Lines::line(i);
      image_x_[i] = pixel_[i] % x.w;
      image_y_[i] = pixel_[i] / x.w % x.h;
      image_[i] = pixel_[i] / x.w / x.h;
    }
  }

  __device__ Place<Y> a(int i) const {
    const int p = image_y_[i] * stride_h_ + down_, q = image_x_[i] * stride_w_ + right_;
    const bool inside = pixel_[i] < pixel_end_ && out_ < dy_.c &&
                        static_cast<unsigned>(p) < static_cast<unsigned>(dy_.h) &&
                        static_cast<unsigned>(q) < static_cast<unsigned>(dy_.w);
    return {dy_.at(image_[i], p, q) + out_, inside};
  }

  __device__ Place<T> b(int i) const { return {x_.pixel(pixel_[i]) + in_, pixel_[i] < pixel_end_ && in_ < x_.c}; }

  /// A chunk further, without a division: as adding numbers whose digits are image, row and column.
  __device__ void next() {
#pragma unroll
    for (int i = 0; i < Lines::kPieces; ++i) {
      pixel_[i] += kChunk<T>;
      image_x_[i] += step_x_;
      const bool row_over = image_x_[i] >= x_.w;
      if (row_over) image_x_[i] -= x_.w;
      image_y_[i] += step_y_ + static_cast<int>(row_over);
      const bool image_over = image_y_[i] >= x_.h;
      if (image_over) image_y_[i] -= x_.h;
      image_[i] += step_image_ + static_cast<int>(image_over);
    }
  }

 private:
  const View<const T>& x_;
  const View<const Y>& dy_;
  int stride_h_, stride_w_, pixel_end_, down_, right_, out_, in_;
  int step_image_, step_y_, step_x_;
  int pixel_[Lines::kPieces], image_[Lines::kPieces], image_y_[Lines::kPieces], image_x_[Lines::kPieces];
};

/// A block sums one tile of one tap over its split of the pixels: blockIdx = (tile of the input channels, tap and tile
/// of the output channels, split). Tiles do not straddle the inputs.
template <class T, class Y>
__global__ void __launch_bounds__(kThreads) tensor_conv_transpose_weight_sums(WeightSums<T, Y> w) {
  using Lines = tensor::Tile<T, kColumns, false>;
  static_assert(kTileRows == kColumns, "both operands in one shape of tile");
  SHARED(T, a, 2 * Lines::kSize);
  SHARED(T, b, 2 * Lines::kSize);
  SHARED(float, stage, tensor::kStage);
  const int in_tiles = (w.inputs[0].c + kColumns - 1) / kColumns, out_tiles = (w.dy.c + kTileRows - 1) / kTileRows;
  const bool second = static_cast<int>(blockIdx.x) >= in_tiles;
  const View<const T>& x = w.inputs[second ? 1 : 0];
  const int first_in = (static_cast<int>(blockIdx.x) - (second ? in_tiles : 0)) * kColumns;
  const int tap = static_cast<int>(blockIdx.y) / out_tiles;
  const int first_out = static_cast<int>(blockIdx.y) % out_tiles * kTileRows;
  const int first_pixel = static_cast<int>(blockIdx.z) * w.split_pixels;
  const int pixel_end = std::min(first_pixel + w.split_pixels, static_cast<int>(x.pixels()));

  PixelOperands<T, Y, Lines> operands(x, w.dy, w.geometry, tap, first_pixel, pixel_end, first_out, first_in);
  tensor::Sums<T, kRows> sums;
  sums.clear();
  tensor::multiply<Lines, Lines>(operands, (pixel_end - first_pixel + kChunk<T> - 1) / kChunk<T>, a, b, sums);

  constexpr int kRun = kVector<float>;
  const std::int64_t taps = std::int64_t{w.geometry.kernel_h} * w.geometry.kernel_w;
  float* block = w.sums + blockIdx.z * taps * w.dy.c * w.kernel_channels + (second ? w.inputs[0].c : 0);
  tensor::write_out<kRun>(sums, stage, [&](int row, int column, const float(&values)[kRun]) {
    const int out = first_out + row, in = first_in + column;
    if (out >= w.dy.c || in >= x.c) return;
    store<kRun>(block + (std::int64_t{tap} * w.dy.c + out) * w.kernel_channels + in, values);
  });
}

/// result[i] = the sum of the splits' [i], in their order.
__global__ void tensor_conv_transpose_add_splits(const float* sums, int splits, std::int64_t count, float* result) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    float sum = 0;
#pragma unroll 8
    for (int split = 0; split < splits; ++split) sum += sums[split * count + i];
    result[i] = sum;
  }
}

/// Sums of dy over the block's share of the pixels, a row of dy.c sums for each block. A thread takes 16 bytes of
/// channels of every so many pixels; blockIdx.y: the next kBiasThreads such groups of channels.
template <class Y>
__global__ void tensor_conv_transpose_bias_sums(View<const Y> dy, float* sums) {
  constexpr int kRun = kVector<Y>;
  SHARED(float, rows, kBiasThreads* kRun);
  const int thread = static_cast<int>(threadIdx.x), first = static_cast<int>(blockIdx.y) * kBiasThreads * kRun;
  const int left = (dy.c - first) / kRun, groups = left < kBiasThreads ? left : kBiasThreads;
  const int lanes = kBiasThreads / groups;
  const int group = thread % groups, lane = thread / groups;
  float sum[kRun] = {};
  if (lane < lanes) {
    const std::int64_t step = std::int64_t{gridDim.x} * lanes;
    for (std::int64_t i = std::int64_t{blockIdx.x} * lanes + lane; i < dy.pixels(); i += step) {
      float values[kRun];
      load<kRun>(dy.pixel(i) + first + group * kRun, values);
#pragma unroll
      for (int k = 0; k < kRun; ++k) sum[k] += values[k];
    }
  }
#pragma unroll
  for (int k = 0; k < kRun; ++k) rows[thread * kRun + k] = sum[k];
  __syncthreads();
  for (int channel = thread; channel < groups * kRun; channel += kBiasThreads) {
    float total = 0;
    for (int other = 0; other < lanes; ++other) total += rows[other * groups * kRun + channel];
    sums[std::int64_t{blockIdx.x} * dy.c + first + channel] = total;
  }
}

void add_splits(const Stream& stream, const float* sums, int splits, std::int64_t count, float* result) {
  LAUNCH(tensor_conv_transpose_add_splits, blocks_for(count, kBiasThreads), kBiasThreads, stream, sums, splits, count,
         result);
}

template <class Y>
void sum_bias(const Stream& stream, const View<const Y>& dy, int blocks, float* sums, float* dbias) {
  const dim3 grid(static_cast<unsigned>(blocks), blocks_for(dy.c, kBiasThreads * kVector<Y>));
  LAUNCH((tensor_conv_transpose_bias_sums<Y>), grid, kBiasThreads, stream, dy, sums);
  add_splits(stream, sums, blocks, dy.c, dbias);
}

/// Pixels of a block, in whole chunks of both types, so that `tiles` times the blocks keep a GPU busy.
std::int64_t split_pixels(std::int64_t pixels, std::int64_t tiles) {
  constexpr std::int64_t kWhole = kChunk<Bfloat16>;
  const std::int64_t splits = std::clamp<std::int64_t>(kBlocks / tiles, 1, (pixels + kFewPixels - 1) / kFewPixels);
  return ((pixels + splits - 1) / splits + kWhole - 1) / kWhole * kWhole;
}

}  // namespace

template <class T, class Y>
bool tensor_conv_transpose_backward_weight_takes(const Stream& stream, std::span<const View<const T>> inputs,
                                                 View<const Y> dy, const float* dkernel) {
  if (inputs.size() > 2 || !tensor::multiplies<T>(stream) || !tensor::aligned(dkernel)) return false;
  for (const View<const T>& x : inputs) {
    if (!tensor::in_pieces<T>(x)) return false;
  }
  return tensor::in_pieces<T>(dy);
}

template <class T, class Y>
void tensor_conv_transpose_backward_weight(Stream& stream, std::span<const View<const T>> inputs, View<const Y> dy,
                                           const ConvGeometry& geometry, float* dkernel, float* dbias) {
  KARYON_CHECK((tensor_conv_transpose_backward_weight_takes<T, Y>(stream, inputs, dy, dkernel)),
               "a shape for the tensor cores");
  const std::int64_t pixels = inputs[0].pixels();
  KARYON_CHECK(std::max(pixels, dy.pixels()) < (1LL << 30), "a batch has fewer than 2^30 pixels");
  WeightSums<T, Y> w;
  w.dy = dy;
  w.geometry = geometry;
  unsigned in_tiles = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    w.inputs[i] = inputs[i];
    w.kernel_channels += inputs[i].c;
    in_tiles += blocks_for(inputs[i].c, kColumns);
  }
  const int taps = geometry.kernel_h * geometry.kernel_w;
  const unsigned out_tiles = static_cast<unsigned>(taps) * blocks_for(dy.c, kTileRows);
  w.split_pixels = static_cast<int>(split_pixels(pixels, std::int64_t{in_tiles} * out_tiles));
  const int splits = static_cast<int>((pixels + w.split_pixels - 1) / w.split_pixels);
  const std::int64_t kernel_size = std::int64_t{taps} * dy.c * w.kernel_channels;
  const std::int64_t split_sums = splits > 1 ? splits * kernel_size : 0;
  const int bias_blocks = static_cast<int>(blocks_for(dy.pixels(), static_cast<int>(kFewPixels), kMostBiasBlocks));
  auto* sums = stream.workspace<float>(split_sums + std::int64_t{bias_blocks} * dy.c);
  w.sums = splits > 1 ? sums : dkernel;
  LAUNCH((tensor_conv_transpose_weight_sums<T, Y>), dim3(in_tiles, out_tiles, static_cast<unsigned>(splits)), kThreads,
         stream, w);
  if (splits > 1) add_splits(stream, sums, splits, kernel_size, dkernel);
  if (dbias != nullptr) sum_bias(stream, dy, bias_blocks, sums + split_sums, dbias);
}

#define KARYON_INSTANTIATE(T, Y)                                                                                    \
  template bool tensor_conv_transpose_backward_weight_takes<T, Y>(const Stream&, std::span<const View<const T>>,    \
                                                                  View<const Y>, const float*);                     \
  template void tensor_conv_transpose_backward_weight<T, Y>(Stream&, std::span<const View<const T>>, View<const Y>, \
                                                            const ConvGeometry&, float*, float*)
KARYON_INSTANTIATE(float, float);
KARYON_INSTANTIATE(Bfloat16, Bfloat16);
KARYON_INSTANTIATE(Bfloat16, float);
#undef KARYON_INSTANTIATE

}  // namespace karyon::cuda
