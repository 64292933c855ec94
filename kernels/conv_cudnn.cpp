// Two things stand between Karyon's convolutions and cuDNN's. The kernel is HWIO here and OHWI there: a packed copy is
// kept by stamp. And cuDNN pads both sides alike: where ours differ, both are padded as the wider one and the kernel
// gets that many rows or columns of zeros on the narrower one's side. The zeros meet what was padded too much, and the
// output keeps its size: nothing of the image has to be copied, in any direction.
#include "kernels/conv_cudnn.h"

#if KARYON_WITH_CUDA

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/activation.h"
#include "kernels/cast.h"
#include "kernels/cuda_check.h"
#include "kernels/pack_kernel.h"
#include "kernels/plans_cudnn.h"

namespace karyon::cuda {

namespace {

template <class T>
constexpr bool kIsFloat = std::is_same_v<T, float>;
template <class T>
constexpr ElementType kType = kIsFloat<T> ? ElementType::f32 : ElementType::bf16;

KernelPacking packing_of(const ConvGeometry& g, int in, int out) {
  const int pad_h = std::max(g.pad.top, g.pad.bottom), pad_w = std::max(g.pad.left, g.pad.right);
  return {.kernel_h = g.kernel_h,
          .kernel_w = g.kernel_w,
          .in = in,
          .out = out,
          .packed_h = g.kernel_h + std::abs(g.pad.top - g.pad.bottom),
          .packed_w = g.kernel_w + std::abs(g.pad.left - g.pad.right),
          .top = pad_h - g.pad.top,
          .left = pad_w - g.pad.left};
}

/// All but the kernel, which may not be packed yet.
template <class T, class U>
Convolution convolution_of(ConvPass pass, Float32Math math, const View<T>& x, const View<U>& y, const ConvGeometry& g) {
  Convolution c;
  c.pass = pass;
  c.type = kType<std::remove_const_t<T>>;
  c.tensor_cores = c.type == ElementType::bf16 || math == Float32Math::tf32;
  c.x = Images(x);
  c.y = Images(y);
  const KernelPacking packing = packing_of(g, x.c, y.c);
  c.kernel_h = packing.packed_h;
  c.kernel_w = packing.packed_w;
  c.stride_h = g.stride_h;
  c.stride_w = g.stride_w;
  c.pad_h = std::max(g.pad.top, g.pad.bottom);
  c.pad_w = std::max(g.pad.left, g.pad.right);
  return c;
}

/// Whether cuDNN's descriptors, which count in int, can describe the images.
template <class T, class U>
bool describable(const View<T>& x, const View<U>& y) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  return x.pixels() * x.pitch <= kMost && y.pixels() * y.pitch <= kMost;
}

template <class T, class U>
void check_shapes(const View<T>& x, const View<U>& y, const ConvGeometry& g) {
  KARYON_CHECK(x.n == y.n && y.h == g.out_h(x.h) && y.w == g.out_w(x.w),
               "a convolution's output has another size than its geometry gives");
}

/// Parts of one scratch block, aligned; what follows the last is cuDNN's.
class Parts {
 public:
  std::size_t add(std::int64_t count, std::size_t element_bytes) {
    const std::size_t begin = bytes_;
    bytes_ += (static_cast<std::size_t>(count) * element_bytes + kAlignment - 1) / kAlignment * kAlignment;
    return begin;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kAlignment = 256;
  std::size_t bytes_ = 0;
};

std::byte* scratch(Stream& stream, std::size_t bytes) {
  return stream.workspace<std::byte>(static_cast<std::int64_t>(bytes));
}

template <class T>
void* packed_kernel(Stream& stream, CudnnPlans& plans, StampedKernel kernel, const KernelPacking& packing) {
  const KernelCopyKey form{.element_bytes = sizeof(T),
                           .packed_h = packing.packed_h,
                           .packed_w = packing.packed_w,
                           .top = packing.top,
                           .left = packing.left};
  return kernel_copies(plans).find(
      kernel, form, static_cast<std::size_t>(packing.packed_size()) * sizeof(T),
      [&](void* copy) { pack_kernel<T>(stream, kernel.data, packing, static_cast<T*>(copy)); });
}

/// The data gradient: of a convolution, or a transposed convolution's result.
template <class T>
bool run_backward_data(Stream& stream, CudnnPlans& plans, View<const T> dy, StampedKernel kernel,
                       const ConvGeometry& geometry, View<T> dx) {
  Convolution c = convolution_of(ConvPass::backward_data, stream.float32_math(), dx, dy, geometry);
  c.kernel = packed_kernel<T>(stream, plans, kernel, packing_of(geometry, dx.c, dy.c));
  const ConvPlan* plan = find_plan(stream, plans, c);
  return plan != nullptr && run(stream, plans, *plan, c, scratch(stream, workspace_bytes(*plan)));
}

}  // namespace

template <class T>
bool cudnn_conv_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias,
                        View<const T> residual, Activation act, const ConvGeometry& geometry, View<T> y) {
  CudnnPlans* plans = describable(x, y) && (!residual || bias != nullptr) ? cudnn_plans(stream) : nullptr;
  if (plans == nullptr) return false;
  check_shapes(x, y, geometry);
  Convolution c = convolution_of(ConvPass::forward, stream.float32_math(), x, y, geometry);
  c.kernel = packed_kernel<T>(stream, *plans, kernel, packing_of(geometry, x.c, y.c));
  c.bias = unconst(bias);
  c.residual = Images(residual);
  c.relu = bias != nullptr && act == Activation::relu;
  const ConvPlan* plan = find_plan(stream, *plans, c);
  if (plan == nullptr) return false;
  Parts parts;
  const std::size_t bias_copy = parts.add(bias == nullptr || kIsFloat<T> ? 0 : y.c, sizeof(T));
  std::byte* base = scratch(stream, parts.bytes() + workspace_bytes(*plan));
  if constexpr (!kIsFloat<T>) {
    if (bias != nullptr) {
      c.bias = base + bias_copy;
      to_bfloat16(stream, {bias, 1, 1, 1, y.c}, {static_cast<T*>(c.bias), 1, 1, 1, y.c});
    }
  }
  if (!run(stream, *plans, *plan, c, base + parts.bytes())) return false;
  if (act != Activation::none && !c.relu) activation_forward<T>(stream, y, act, y);
  return true;
}

template <class T>
bool cudnn_conv_backward_data(Stream& stream, View<const T> dy, StampedKernel kernel, const ConvGeometry& geometry,
                              View<T> dx) {
  CudnnPlans* plans = describable(dx, dy) ? cudnn_plans(stream) : nullptr;
  if (plans == nullptr) return false;
  check_shapes(dx, dy, geometry);
  return run_backward_data<T>(stream, *plans, dy, kernel, geometry, dx);
}

// cuDNN's gradient has the images' type. To have it in float, Bfloat16 images are widened first; all their products are
// exact in TensorFloat-32, so the tensor cores may still be used.
template <class T>
bool cudnn_conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                float* dkernel, float* dbias) {
  CudnnPlans* plans = describable(x, dy) ? cudnn_plans(stream) : nullptr;
  if (plans == nullptr) return false;
  check_shapes(x, dy, geometry);
  const KernelPacking packing = packing_of(geometry, x.c, dy.c);
  Parts parts;
  const std::size_t gradient = parts.add(packing.packed_size(), sizeof(float));
  const std::size_t wide_x = parts.add(kIsFloat<T> ? 0 : x.size(), sizeof(float));
  const std::size_t wide_dy = parts.add(kIsFloat<T> ? 0 : dy.size(), sizeof(float));
  ConstFloatView float_x, float_dy;
  const auto place = [&](std::byte* base) {
    const auto floats = [base](std::size_t part) { return reinterpret_cast<float*>(base + part); };
    if constexpr (kIsFloat<T>) {
      float_x = x;
      float_dy = dy;
    } else {
      float_x = {floats(wide_x), x.n, x.h, x.w, x.c};
      float_dy = {floats(wide_dy), dy.n, dy.h, dy.w, dy.c};
    }
    const Float32Math math = kIsFloat<T> ? stream.float32_math() : Float32Math::tf32;
    Convolution c = convolution_of(ConvPass::backward_weight, math, float_x, float_dy, geometry);
    c.kernel = floats(gradient);
    return c;
  };
  const ConvPlan* plan = find_plan(stream, *plans, place(scratch(stream, parts.bytes())));
  if (plan == nullptr) return false;
  std::byte* base = scratch(stream, parts.bytes() + workspace_bytes(*plan));
  const Convolution c = place(base);
  if constexpr (!kIsFloat<T>) {
    to_float32<T>(stream, x, {static_cast<float*>(c.x.data), x.n, x.h, x.w, x.c});
    to_float32<T>(stream, dy, {static_cast<float*>(c.y.data), dy.n, dy.h, dy.w, dy.c});
  }
  if (!run(stream, *plans, *plan, c, base + parts.bytes())) return false;
  unpack_kernel(stream, static_cast<const float*>(c.kernel), packing, dkernel);
  if (dbias != nullptr) sum_pixels(*plans, float_dy, dbias);
  return true;
}

// ---- transposed -----------------------------------------------------------------------------------------------------

namespace {

/// The part of `whole` that cropping leaves, from `crop.top` and `crop.left` on; both dense.
template <class T>
void copy_cropped(const Stream& stream, View<const T> whole, const Padding& crop, View<T> y) {
  const auto rows = [](void* data, const auto& v) {
    const std::size_t row = static_cast<std::size_t>(v.w) * static_cast<std::size_t>(v.c) * sizeof(T);
    return make_cudaPitchedPtr(data, row, row, static_cast<std::size_t>(v.h));
  };
  cudaMemcpy3DParms copy = {};
  copy.srcPtr = rows(unconst(whole.data), whole);
  copy.srcPos =
      make_cudaPos(static_cast<std::size_t>(crop.left * whole.c) * sizeof(T), static_cast<std::size_t>(crop.top), 0);
  copy.dstPtr = rows(y.data, y);
  copy.extent = make_cudaExtent(copy.dstPtr.pitch, static_cast<std::size_t>(y.h), static_cast<std::size_t>(y.n));
  copy.kind = cudaMemcpyDeviceToDevice;
  CUDA_CHECK(cudaMemcpy3DAsync(&copy, stream.cuda()));
}

/// All rows and columns into scratch memory, then those that stay into y.
template <class T>
bool run_and_crop(Stream& stream, CudnnPlans& plans, View<const T> x, StampedKernel kernel, ConvGeometry geometry,
                  View<T> y) {
  const Padding crop = std::exchange(geometry.pad, {});
  View<T> whole(nullptr, y.n, geometry.transposed_out_h(x.h), geometry.transposed_out_w(x.w), y.c);
  if (!y.dense() || !describable(whole, whole)) return false;
  Parts parts;
  parts.add(whole.size(), sizeof(T));
  whole.data = reinterpret_cast<T*>(scratch(stream, parts.bytes()));
  Convolution c = convolution_of(ConvPass::backward_data, stream.float32_math(), whole, x, geometry);
  c.kernel = packed_kernel<T>(stream, plans, kernel, packing_of(geometry, y.c, x.c));
  const ConvPlan* plan = find_plan(stream, plans, c);
  if (plan == nullptr) return false;
  std::byte* base = scratch(stream, parts.bytes() + workspace_bytes(*plan));
  whole.data = reinterpret_cast<T*>(base);
  c.x = Images(whole);
  if (!run(stream, plans, *plan, c, base + parts.bytes())) return false;
  copy_cropped<T>(stream, whole, crop, y);
  return true;
}

}  // namespace

// A kernel HWOI of the transposed convolution is HWIO of the convolution whose data gradient it is: x is that one's
// output and y its input.
template <class T>
bool cudnn_conv_transpose_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias,
                                  Activation act, const ConvGeometry& geometry, View<T> y, CropBy crop) {
  CudnnPlans* plans = describable(x, y) && (bias == nullptr || kIsFloat<T>) ? cudnn_plans(stream) : nullptr;
  if (plans == nullptr) return false;
  KARYON_CHECK(x.n == y.n && y.h == geometry.transposed_out_h(x.h) && y.w == geometry.transposed_out_w(x.w),
               "a transposed convolution's output has another size than its geometry gives");
  const bool done = crop == CropBy::kernel ? run_backward_data<T>(stream, *plans, x, kernel, geometry, y)
                                           : run_and_crop<T>(stream, *plans, x, kernel, geometry, y);
  if (!done) return false;
  if constexpr (kIsFloat<T>) {
    if (bias != nullptr) add_bias(*plans, bias, y);
  }
  if (act != Activation::none) activation_forward<T>(stream, y, act, y);
  return true;
}

#define INSTANTIATE(T)                                                                                                \
  template bool cudnn_conv_forward<T>(Stream&, View<const T>, StampedKernel, const float*, View<const T>, Activation, \
                                      const ConvGeometry&, View<T>);                                                  \
  template bool cudnn_conv_backward_data<T>(Stream&, View<const T>, StampedKernel, const ConvGeometry&, View<T>);     \
  template bool cudnn_conv_backward_weight<T>(Stream&, View<const T>, View<const T>, const ConvGeometry&, float*,     \
                                              float*);                                                                \
  template bool cudnn_conv_transpose_forward<T>(Stream&, View<const T>, StampedKernel, const float*, Activation,      \
                                                const ConvGeometry&, View<T>, CropBy);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda

#endif
