// One convolution by cuDNN in any of its three directions. Inside of conv_cudnn.cpp's walls.
// Invariant: images are NHWC of any pitch, kernels OHWI, padding is the same on both sides: cuDNN's own terms. A plan
// (descriptors and an algorithm) is made once a stream, its algorithm chosen once a process, for all that its fitness
// and speed depend on. Only deterministic algorithms are taken.
#pragma once

#include "kernels/library_plans.h"

namespace karyon::cuda {

/// cuDNN never writes through the const of an operand.
template <class T>
void* unconst(const T* data) {
  return const_cast<T*>(data);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

struct Images {
  void* data = nullptr;
  int n = 0, h = 0, w = 0, c = 0;
  std::int64_t pitch = 0;

  Images() = default;
  template <class T>
  explicit Images(const View<T>& v) : data(unconst(v.data)), n(v.n), h(v.h), w(v.w), c(v.c), pitch(v.pitch) {}
};

enum class ConvPass : std::uint8_t { forward, backward_data, backward_weight };

struct Convolution {
  ConvPass pass = ConvPass::forward;
  ElementType type = ElementType::f32;
  bool tensor_cores = false;  // else float32 products are exact
  Images x, y;                // y is the convolution of x; in the backward passes they hold the gradients
  void* kernel = nullptr;     // or its gradient
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;
  // Forward alone: y = relu(y + bias + residual). residual and relu need a bias, which has the images' type.
  void* bias = nullptr;
  Images residual;
  bool relu = false;
};

struct ConvPlan;

/// Null where the library is not there.
CudnnPlans* cudnn_plans(Stream& stream);
/// Where packed kernels are kept.
KernelCopies& kernel_copies(CudnnPlans& plans);
/// Null if no algorithm fits. Where algorithms have to be measured the operands' memory is used, so that a result holds
/// anything afterwards; what the inputs hold does not matter. Not measured while the stream is captured.
const ConvPlan* find_plan(const Stream& stream, CudnnPlans& plans, const Convolution& convolution);
std::size_t workspace_bytes(const ConvPlan& plan);
/// Queues the convolution; false, nothing queued, if the algorithm turns out not to fit.
bool run(const Stream& stream, const CudnnPlans& plans, const ConvPlan& plan, const Convolution& convolution,
         void* workspace);

/// y += bias, and bias = the sum of y's pixels.
void add_bias(const CudnnPlans& plans, const float* bias, FloatView y);
void sum_pixels(const CudnnPlans& plans, ConstFloatView y, float* bias);

}  // namespace karyon::cuda
