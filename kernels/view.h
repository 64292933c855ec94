// What a kernel sees of a tensor: a pointer, four sizes and a pixel pitch.
// Invariant: activations are NHWC everywhere. Element (n, y, x, ch) lies at data[((n * h + y) * w + x) * pitch + ch];
// pitch >= c, so a slice of channels is a view of the whole, and only dense() views have pitch == c. What is constexpr
// here is device code as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace karyon {

template <class T>
struct View {
  T* data = nullptr;
  int n = 0, h = 0, w = 0, c = 0;
  std::ptrdiff_t pitch = 0;  // elements from one pixel to the next

  View() = default;
  constexpr View(T* first, int images, int height, int width, int channels)
      : View(first, images, height, width, channels, channels) {}
  constexpr View(T* first, int images, int height, int width, int channels, std::ptrdiff_t pixel_pitch)
      : data(first), n(images), h(height), w(width), c(channels), pitch(pixel_pitch) {}

  [[nodiscard]] constexpr std::int64_t pixels() const { return std::int64_t{n} * h * w; }
  [[nodiscard]] constexpr std::int64_t size() const { return pixels() * c; }
  [[nodiscard]] constexpr bool dense() const { return pitch == c; }
  [[nodiscard]] constexpr T* pixel(std::int64_t index) const { return data + index * pitch; }
  [[nodiscard]] constexpr T* at(int in, int iy, int ix) const { return pixel((std::int64_t{in} * h + iy) * w + ix); }
  template <class U>
  [[nodiscard]] bool same_shape(const View<U>& o) const {
    return n == o.n && h == o.h && w == o.w && c == o.c;
  }
  constexpr explicit operator bool() const { return data != nullptr; }
  // Whoever may write may read.
  template <class U, class = std::enable_if_t<std::is_same_v<U, const T> && !std::is_const_v<T>>>
  constexpr operator View<U>() const {  // NOLINT(google-explicit-constructor)
    return {data, n, h, w, c, pitch};
  }
};

/// Google's 16-bit float: the upper half of a float32. Storage alone (CUDA's mixed precision): all arithmetic is in
/// float.
struct Bfloat16 {
  std::uint16_t bits;
};

/// What the numbers of a tensor are stored as.
enum class ElementType : std::uint8_t { f32, bf16 };

using FloatView = View<float>;
using ConstFloatView = View<const float>;

/// Rows and columns added (convolution) or cut off (transposed convolution) at each side. TensorFlow's SAME pads (0,1)
/// at stride 2 on even sizes, torchvision (1,1): hence four numbers.
struct Padding {
  int top = 0, bottom = 0, left = 0, right = 0;
  friend bool operator==(const Padding&, const Padding&) = default;
};

/// Kernel size, stride and padding of a convolution, or kernel size, stride and cropping of a transposed one.
struct ConvGeometry {
  int kernel_h = 1, kernel_w = 1;
  int stride_h = 1, stride_w = 1;
  Padding pad;

  /// Output size of a convolution: floor((in + pad - kernel) / stride) + 1.
  [[nodiscard]] constexpr int out_h(int in) const { return (in + pad.top + pad.bottom - kernel_h) / stride_h + 1; }
  [[nodiscard]] constexpr int out_w(int in) const { return (in + pad.left + pad.right - kernel_w) / stride_w + 1; }
  /// Output size of a transposed convolution: (in - 1) * stride + kernel - cropping.
  [[nodiscard]] constexpr int transposed_out_h(int in) const {
    return (in - 1) * stride_h + kernel_h - pad.top - pad.bottom;
  }
  [[nodiscard]] constexpr int transposed_out_w(int in) const {
    return (in - 1) * stride_w + kernel_w - pad.left - pad.right;
  }
  friend bool operator==(const ConvGeometry&, const ConvGeometry&) = default;
};

/// Applied to an op's result before it is stored. relu6(x) = min(max(x, 0), 6).
enum class Activation : std::uint8_t { none, relu, relu6 };

}  // namespace karyon
