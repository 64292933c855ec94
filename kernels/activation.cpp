// ReLU and ReLU6 on the CPU: rows of channels, shared out over the threads.
#include "kernels/activation.h"

#include "kernels/check.h"
#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace karyon {

namespace {

template <Activation act>
KARYON_INLINE void forward_row_as(const float* x, int channels, float* y) {
#pragma GCC ivdep
  for (int c = 0; c < channels; ++c) y[c] = activate<act>(x[c]);
}

KARYON_CLONES void forward_row(const float* x, int channels, Activation act, float* y) {
  ACTIVATION_SWITCH(act, forward_row_as<kAct>(x, channels, y));
}

template <Activation act>
KARYON_INLINE void backward_row_as(const float* dy, const float* y, int channels, float* dx) {
#pragma GCC ivdep
  for (int c = 0; c < channels; ++c) dx[c] = activation_gradient<act>(dy[c], y[c]);
}

KARYON_CLONES void backward_row(const float* dy, const float* y, int channels, Activation act, float* dx) {
  ACTIVATION_SWITCH(act, backward_row_as<kAct>(dy, y, channels, dx));
}

}  // namespace

namespace cpu {

void activation_forward(Stream& stream, ConstFloatView x, Activation act, FloatView y) {
  KARYON_CHECK(x.same_shape(y), "an activation keeps the shape");
  parallel_ranges(stream, x.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) forward_row(x.pixel(i), x.c, act, y.pixel(i));
  });
}

void activation_backward(Stream& stream, ConstFloatView dy, ConstFloatView y, Activation act, FloatView dx) {
  KARYON_CHECK(dy.same_shape(y) && dy.same_shape(dx), "an activation keeps the shape");
  parallel_ranges(stream, dy.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) backward_row(dy.pixel(i), y.pixel(i), dy.c, act, dx.pixel(i));
  });
}

}  // namespace cpu

}  // namespace karyon
