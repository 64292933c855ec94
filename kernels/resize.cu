// CUDA twin of resize.h. A block takes a row of the result, a thread an element of it: neighbouring threads read and
// write neighbouring elements, and no thread divides by more than the number of channels.
// Invariant: positions are computed as on the CPU, rounded after the multiplication and after the subtraction, so both
// devices blend the same neighbours with the same weights.
#include "kernels/resize.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 128;

struct Tap {
  int lower, upper;
  float weight;  // of upper
};

/// The neighbours of row or column i of the result among `in`; scale: in / out.
__device__ inline Tap bilinear_tap(int i, float scale, int in) {
  // __fmul_rn: the compiler must not fuse the multiplication with the subtraction.
  const float position = __fmul_rn(static_cast<float>(i) + 0.5F, scale) - 0.5F;
  const float below = floorf(position);
  const int ceiling = static_cast<int>(ceilf(position)), upper = ceiling < in - 1 ? ceiling : in - 1;
  const int lower = static_cast<int>(below) > 0 ? static_cast<int>(below) : 0;
  return {lower < upper ? lower : upper, upper, position - below};
}

__device__ inline int nearest_position(int i, float scale, int in) {
  const int position = static_cast<int>(floorf((static_cast<float>(i) + 0.5F) * scale));
  return position < in - 1 ? position : in - 1;
}

__device__ inline void put(float value, float& to) { to = value; }
__device__ inline void put(float value, std::uint8_t& to) { to = static_cast<std::uint8_t>(floorf(value + 0.5F)); }

template <class T>
__global__ void resize_rows_bilinear(View<const T> x, View<T> y, float scale_h, float scale_w) {
  const std::int64_t rows = std::int64_t{y.n} * y.h;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto n = static_cast<int>(row / y.h), p = static_cast<int>(row % y.h);
    const Tap vertical = bilinear_tap(p, scale_h, x.h);
    const T *top = x.at(n, vertical.lower, 0), *bottom = x.at(n, vertical.upper, 0);
    T* out = y.at(n, p, 0);
    for (int i = static_cast<int>(threadIdx.x); i < y.w * y.c; i += static_cast<int>(blockDim.x)) {
      const int q = i / y.c, channel = i % y.c;
      const Tap tap = bilinear_tap(q, scale_w, x.w);
      const std::ptrdiff_t left = tap.lower * x.pitch + channel, right = tap.upper * x.pitch + channel;
      const auto above_left = static_cast<float>(top[left]), above_right = static_cast<float>(top[right]);
      const auto below_left = static_cast<float>(bottom[left]), below_right = static_cast<float>(bottom[right]);
      const float above = above_left + (above_right - above_left) * tap.weight;
      const float below = below_left + (below_right - below_left) * tap.weight;
      put(above + (below - above) * vertical.weight, out[q * y.pitch + channel]);
    }
  }
}

__global__ void resize_rows_nearest(View<const std::uint8_t> x, View<std::uint8_t> y, float scale_h, float scale_w) {
  const std::int64_t rows = std::int64_t{y.n} * y.h;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto n = static_cast<int>(row / y.h), p = static_cast<int>(row % y.h);
    const std::uint8_t* in = x.at(n, nearest_position(p, scale_h, x.h), 0);
    std::uint8_t* out = y.at(n, p, 0);
    for (int i = static_cast<int>(threadIdx.x); i < y.w * y.c; i += static_cast<int>(blockDim.x)) {
      const int q = i / y.c, channel = i % y.c;
      out[q * y.pitch + channel] = in[nearest_position(q, scale_w, x.w) * x.pitch + channel];
    }
  }
}

template <class T>
void check_images(const View<const T>& x, const View<T>& y) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && x.size() > 0 && y.size() > 0, "equal n and c, no empty image");
}

float scale_of(int in, int out) { return static_cast<float>(in) / static_cast<float>(out); }

template <class T>
void bilinear(const Stream& stream, View<const T> x, View<T> y) {
  check_images(x, y);
  LAUNCH(resize_rows_bilinear<T>, blocks_for(std::int64_t{y.n} * y.h, 1), kThreads, stream, x, y, scale_of(x.h, y.h),
         scale_of(x.w, y.w));
}

}  // namespace

void resize_bilinear(Stream& stream, ConstFloatView x, FloatView y) { bilinear<float>(stream, x, y); }

void resize_bilinear(Stream& stream, View<const std::uint8_t> x, View<std::uint8_t> y) {
  bilinear<std::uint8_t>(stream, x, y);
}

void resize_nearest(Stream& stream, View<const std::uint8_t> x, View<std::uint8_t> y) {
  check_images(x, y);
  LAUNCH(resize_rows_nearest, blocks_for(std::int64_t{y.n} * y.h, 1), kThreads, stream, x, y, scale_of(x.h, y.h),
         scale_of(x.w, y.w));
}

}  // namespace karyon::cuda
