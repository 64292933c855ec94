// The transposed convolution's forward pass and data gradient on the tensor cores, both as products whose rows gather
// pixels: C[row][column] = sum over taps and channels of source[pixel of row and tap][channel] * kernel.
// Invariant: no zero is multiplied but at borders. Forward, output pixels of one phase (row and column modulo stride)
// are reached by the same taps, and along an axis tap t of output u lies at input u + base - t: a phase is a product of
// its own, over both inputs. For the data gradient the rows are input pixels and tap r of input i lies at output
// i * stride - crop + r. Neighbouring taps read the same pixels, so taps run innermost: the cache serves the rereading.
#include "kernels/check.h"
#include "kernels/conv_transpose_tensor.h"
#include "kernels/tensor_tile.h"

namespace karyon::cuda {

namespace {

using tensor::kChunk;
using tensor::kColumns;
using tensor::kThreads;
using tensor::Place;

/// Output pixels from which on taller tiles, which read the kernel less often, still make blocks enough for a GPU.
constexpr int kManyPixels = 4096;

/// Along one axis: row u of the product takes source u * step + first + direction * t for tap t, whose kernel index is
/// tap_first + t * tap_step, and gives result u * result_step + result_first.
struct Axis {
  int count, first, step, direction;
  int taps, tap_first, tap_step;
  int result_first, result_step;
};

/// The outputs p with (p + crop) % stride == phase, reached by the taps with r % stride == phase.
constexpr Axis forward_axis(int phase, int kernel, int stride, int crop, int out) {
  const int first = ((phase - crop) % stride + stride) % stride;
  return {.count = out > first ? (out - first - 1) / stride + 1 : 0,
          .first = (first + crop - phase) / stride,
          .step = 1,
          .direction = -1,
          .taps = phase < kernel ? (kernel - phase - 1) / stride + 1 : 0,
          .tap_first = phase,
          .tap_step = stride,
          .result_first = first,
          .result_step = stride};
}

constexpr Axis backward_axis(int kernel, int stride, int crop, int in) {
  return {.count = in,
          .first = -crop,
          .step = stride,
          .direction = 1,
          .taps = kernel,
          .tap_first = 0,
          .tap_step = 1,
          .result_first = 0,
          .result_step = 1};
}

/// What a launch computes. Source is the storage type of what is gathered, Result that of what comes out.
template <class Source, class Result>
struct Gather {
  View<const Source> sources[2];
  int source_count = 1;
  const float* kernel = nullptr;
  int kernel_out = 0, kernel_channels = 0, channel_begin = 0;
  const float* bias = nullptr;
  Activation act = Activation::none;
  ConvGeometry geometry;
  View<Result> result;

  [[nodiscard]] constexpr Axis rows(bool forward, int phase) const {
    const ConvGeometry& g = geometry;
    return forward ? forward_axis(phase, g.kernel_h, g.stride_h, g.pad.top, result.h)
                   : backward_axis(g.kernel_h, g.stride_h, g.pad.top, result.h);
  }
  [[nodiscard]] constexpr Axis columns(bool forward, int phase) const {
    const ConvGeometry& g = geometry;
    return forward ? forward_axis(phase, g.kernel_w, g.stride_w, g.pad.left, result.w)
                   : backward_axis(g.kernel_w, g.stride_w, g.pad.left, result.w);
  }
};

/// Where a pixel of the product's row m comes from and goes to.
struct RowPixel {
  int image, u, v;
  __device__ RowPixel(int m, const Axis& rows, const Axis& columns)
      : image(m / (rows.count * columns.count)), u(m / columns.count % rows.count), v(m % columns.count) {}
};

/// A block's operands, for multiply(): k runs over the sources, their chunks of channels and the taps. What the pieces
/// of a chunk have in common is worked out once, by settle().
template <class Source, class T, class Result, class ATile, class BTile, bool forward>
class GatherOperands {
 public:
  using A = Source;
  using B = float;

  __device__ GatherOperands(const Gather<Source, Result>& g, const Axis& rows, const Axis& columns, int first_row,
                            int first_column)
      : g_(g), rows_(rows), columns_(columns), first_column_(first_column) {
    const int height = g.sources[0].h, width = g.sources[0].w;
    const int m_end = g.result.n * rows.count * columns.count;
#pragma unroll
    for (int i = 0; i < ATile::kPieces; ++i) {
      const int m = first_row + ATile::line(i);
      const RowPixel pixel(m, rows, columns);
      y_[i] = pixel.u * rows.step + rows.first;
      x_[i] = pixel.v * columns.step + columns.first;
      pixel_[i] = (pixel.image * height + y_[i]) * width + x_[i];
      if (m >= m_end) y_[i] = -(1 << 30);  // above the source whatever the tap
    }
    settle();
  }

  [[nodiscard]] __device__ int chunks() const {
    int chunks = 0;
    for (int i = 0; i < g_.source_count; ++i) chunks += (g_.sources[i].c + kChunk<T> - 1) / kChunk<T>;
    return chunks * rows_.taps * columns_.taps;
  }

  __device__ Place<Source> a(int i) const {
    const auto y = static_cast<unsigned>(y_[i] + shift_y_), x = static_cast<unsigned>(x_[i] + shift_x_);
    return {a_ + std::int64_t{pixel_[i] + shift_} * pitch_, y < height_ && x < width_};
  }

  __device__ Place<float> b(int i) const {
    const int line = BTile::line(i) - BTile::line(0);
    return {b_ + std::int64_t{line} * g_.kernel_channels, line < b_lines_};
  }

  __device__ void next() {
    if (++tap_x_ == columns_.taps) {
      tap_x_ = 0;
      ++tap_y_;
    }
    if (tap_y_ == rows_.taps) {
      tap_y_ = 0;
      channel_ += kChunk<T>;
      if (channel_ >= g_.sources[source_].c && source_ + 1 < g_.source_count) {
        channel_ = 0;
        ++source_;
      }
    }
    settle();
  }

 private:
  __device__ void settle() {
    const View<const Source>& source = g_.sources[source_];
    const int channel = channel_ + ATile::column();
    shift_y_ = rows_.direction * tap_y_;
    shift_x_ = columns_.direction * tap_x_;
    shift_ = shift_y_ * source.w + shift_x_;
    a_ = source.data + channel;
    pitch_ = static_cast<int>(source.pitch);
    height_ = channel < source.c ? static_cast<unsigned>(source.h) : 0;
    width_ = static_cast<unsigned>(source.w);
    // The kernel is [tap][out][in]. Forward, k is in and columns are out; backward it is the other way round.
    const int tap = (rows_.tap_first + tap_y_ * rows_.tap_step) * g_.geometry.kernel_w + columns_.tap_first +
                    tap_x_ * columns_.tap_step;
    const int out = (forward ? first_column_ : channel_) + BTile::line(0);
    const int in = (forward ? channel_ : first_column_) + BTile::column();
    const int begin = g_.channel_begin + (source_ == 0 ? 0 : g_.sources[0].c);
    b_ = g_.kernel + (std::int64_t{tap} * g_.kernel_out + out) * g_.kernel_channels + begin + in;
    b_lines_ = in < (forward ? source.c : g_.result.c) ? g_.kernel_out - out : 0;
  }

  const Gather<Source, Result>& g_;
  const Axis &rows_, &columns_;
  int first_column_;
  int y_[ATile::kPieces], x_[ATile::kPieces], pixel_[ATile::kPieces];  // of tap 0, for each of the thread's pieces
  int source_ = 0, channel_ = 0, tap_y_ = 0, tap_x_ = 0;               // the chunk
  int shift_y_, shift_x_, shift_, pitch_;                              // from tap 0 to the chunk's
  unsigned height_, width_;                                            // of the source; no rows behind its channels
  const Source* a_;
  const float* b_;
  int b_lines_;  // as far as the kernel goes
};

/// A block makes tile_rows(rows) x kColumns of the product of one phase: blockIdx = (row tile, column tile, phase).
template <class Source, class T, class Result, int rows, bool forward>
__global__ void __launch_bounds__(kThreads) tensor_conv_transpose_gather(Gather<Source, Result> g) {
  constexpr int kRows = tensor::tile_rows(rows);
  using ATile = tensor::Tile<T, kRows, true>;
  using BTile = tensor::Tile<T, kColumns, forward>;
  SHARED(T, a, 2 * ATile::kSize);
  SHARED(T, b, 2 * BTile::kSize);
  SHARED(float, stage, tensor::kStage);
  const int phase = static_cast<int>(blockIdx.z);
  const Axis tall = g.rows(forward, phase / g.geometry.stride_w),
             wide = g.columns(forward, phase % g.geometry.stride_w);
  const int first_row = static_cast<int>(blockIdx.x) * kRows, first_column = static_cast<int>(blockIdx.y) * kColumns;
  const int m_end = g.result.n * tall.count * wide.count;
  if (first_row >= m_end) return;  // the whole block: this phase has fewer pixels than another, or none

  GatherOperands<Source, T, Result, ATile, BTile, forward> operands(g, tall, wide, first_row, first_column);
  tensor::Sums<T, rows> sums;
  sums.clear();
  tensor::multiply<ATile, BTile>(operands, operands.chunks(), a, b, sums);

  constexpr int kRun = kVector<Result>;
  tensor::write_out<kRun>(sums, stage, [&](int row, int column, float(&values)[kRun]) {
    const int m = first_row + row, channel = first_column + column;
    if (m >= m_end || channel >= g.result.c) return;
    const RowPixel pixel(m, tall, wide);
#pragma unroll
    for (int k = 0; k < kRun; ++k) {
      values[k] = activate(g.act, values[k] + (g.bias != nullptr ? g.bias[channel + k] : 0.0F));
    }
    store<kRun>(g.result.at(pixel.image, pixel.u * tall.result_step + tall.result_first,
                            pixel.v * wide.result_step + wide.result_first) +
                    channel,
                values);
  });
}

template <class T, int rows, bool forward, class Source, class Result>
void launch_gather(const Stream& stream, const Gather<Source, Result>& g, unsigned phases, int most_pixels) {
  const dim3 grid(blocks_for(most_pixels, tensor::tile_rows(rows), most_pixels), blocks_for(g.result.c, kColumns),
                  phases);
  LAUNCH((tensor_conv_transpose_gather<Source, T, Result, rows, forward>), grid, kThreads, stream, g);
}

/// most_pixels: of the largest phase.
template <class T, bool forward, class Source, class Result>
void gather(const Stream& stream, const Gather<Source, Result>& g, unsigned phases, std::int64_t most_pixels) {
  KARYON_CHECK(most_pixels + kManyPixels < (1LL << 31), "a batch has fewer than 2^31 pixels");
  if (most_pixels >= kManyPixels) {
    launch_gather<T, 4, forward>(stream, g, phases, static_cast<int>(most_pixels));
  } else {
    launch_gather<T, 2, forward>(stream, g, phases, static_cast<int>(most_pixels));
  }
}

}  // namespace

template <class T, class Y>
bool tensor_conv_transpose_forward_takes(const Stream& stream, std::span<const View<const T>> inputs,
                                         const float* kernel, View<Y> y) {
  if (inputs.size() > 2 || !tensor::multiplies<T>(stream) || !tensor::aligned(kernel)) return false;
  for (const View<const T>& x : inputs) {
    if (!tensor::in_pieces<T>(x)) return false;
  }
  return in_vectors_of(y, kVector<Y>);
}

template <class T, class Y>
void tensor_conv_transpose_forward(Stream& stream, std::span<const View<const T>> inputs, const float* kernel,
                                   const float* bias, Activation act, const ConvGeometry& geometry, View<Y> y) {
  KARYON_CHECK((tensor_conv_transpose_forward_takes<T, Y>(stream, inputs, kernel, y)), "a shape for the tensor cores");
  Gather<T, Y> g;
  g.source_count = static_cast<int>(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    g.sources[i] = inputs[i];
    g.kernel_channels += inputs[i].c;
  }
  g.kernel = kernel;
  g.kernel_out = y.c;
  g.bias = bias;
  g.act = act;
  g.geometry = geometry;
  g.result = y;
  const int sh = geometry.stride_h, sw = geometry.stride_w;
  gather<T, true>(stream, g, static_cast<unsigned>(sh * sw),
                  std::int64_t{y.n} * ((y.h + sh - 1) / sh) * ((y.w + sw - 1) / sw));
}

template <class T, class Y>
bool tensor_conv_transpose_backward_data_takes(const Stream& stream, View<const Y> dy, const float* kernel,
                                               int kernel_channels, int channel_begin, View<T> dx) {
  return tensor::multiplies<T>(stream) && tensor::aligned(kernel) && kernel_channels % kVector<float> == 0 &&
         channel_begin % kVector<float> == 0 && tensor::in_pieces<T>(dy) && tensor::in_pieces<T>(dx);
}

template <class T, class Y>
void tensor_conv_transpose_backward_data(Stream& stream, View<const Y> dy, const float* kernel, int kernel_channels,
                                         int channel_begin, const ConvGeometry& geometry, View<T> dx) {
  KARYON_CHECK(
      (tensor_conv_transpose_backward_data_takes<T, Y>(stream, dy, kernel, kernel_channels, channel_begin, dx)),
      "a shape for the tensor cores");
  Gather<Y, T> g;
  g.sources[0] = dy;
  g.kernel = kernel;
  g.kernel_out = dy.c;
  g.kernel_channels = kernel_channels;
  g.channel_begin = channel_begin;
  g.geometry = geometry;
  g.result = dx;
  gather<T, false>(stream, g, 1, dx.pixels());
}

#define KARYON_INSTANTIATE(T, Y)                                                                                       \
  template bool tensor_conv_transpose_forward_takes<T, Y>(const Stream&, std::span<const View<const T>>, const float*, \
                                                          View<Y>);                                                    \
  template void tensor_conv_transpose_forward<T, Y>(Stream&, std::span<const View<const T>>, const float*,             \
                                                    const float*, Activation, const ConvGeometry&, View<Y>);           \
  template bool tensor_conv_transpose_backward_data_takes<T, Y>(const Stream&, View<const Y>, const float*, int, int,  \
                                                                View<T>);                                              \
  template void tensor_conv_transpose_backward_data<T, Y>(Stream&, View<const Y>, const float*, int, int,              \
                                                          const ConvGeometry&, View<T>)
KARYON_INSTANTIATE(float, float);
KARYON_INSTANTIATE(Bfloat16, Bfloat16);
KARYON_INSTANTIATE(Bfloat16, float);
#undef KARYON_INSTANTIATE

}  // namespace karyon::cuda
