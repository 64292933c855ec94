#include "kernels/plans_cudnn.h"

#if KARYON_WITH_CUDA

#include <array>
#include <functional>

#include "kernels/cuda_check.h"
#include "kernels/cuda_libraries.h"
#include "kernels/passes_cudnn.h"

namespace karyon::cuda {

namespace {

// ---- descriptors ----------------------------------------------------------------------------------------------------

cudnnDataType_t type_of(ElementType type) { return type == ElementType::f32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16; }

TensorDescriptor make_tensor(const CudnnFunctions& dnn, ElementType type, const Images& v) {
  cudnnTensorDescriptor_t raw = nullptr;
  CUDNN_CHECK(dnn, cudnnCreateTensorDescriptor, &raw);
  TensorDescriptor tensor(raw, dnn.cudnnDestroyTensorDescriptor);
  const int pitch = static_cast<int>(v.pitch);
  CUDNN_CHECK(dnn, cudnnSetTensor4dDescriptorEx, raw, type_of(type), v.n, v.c, v.h, v.w, v.h * v.w * pitch, 1,
              v.w * pitch, pitch);
  return tensor;
}

/// A number a channel.
TensorDescriptor make_vector(const CudnnFunctions& dnn, ElementType type, int channels) {
  return make_tensor(dnn, type, Images(View<float>(nullptr, 1, 1, 1, channels)));
}

FilterDescriptor make_filter(const CudnnFunctions& dnn, const Convolution& c) {
  cudnnFilterDescriptor_t raw = nullptr;
  CUDNN_CHECK(dnn, cudnnCreateFilterDescriptor, &raw);
  FilterDescriptor filter(raw, dnn.cudnnDestroyFilterDescriptor);
  CUDNN_CHECK(dnn, cudnnSetFilter4dDescriptor, raw, type_of(c.type), CUDNN_TENSOR_NHWC, c.y.c, c.x.c, c.kernel_h,
              c.kernel_w);
  return filter;
}

cudnnMathType_t math_of(const Convolution& c) { return c.tensor_cores ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH; }

ConvolutionDescriptor make_convolution(const CudnnFunctions& dnn, const Convolution& c) {
  cudnnConvolutionDescriptor_t raw = nullptr;
  CUDNN_CHECK(dnn, cudnnCreateConvolutionDescriptor, &raw);
  ConvolutionDescriptor convolution(raw, dnn.cudnnDestroyConvolutionDescriptor);
  CUDNN_CHECK(dnn, cudnnSetConvolution2dDescriptor, raw, c.pad_h, c.pad_w, c.stride_h, c.stride_w, 1, 1,
              CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
  CUDNN_CHECK(dnn, cudnnSetConvolutionMathType, raw, math_of(c));
  return convolution;
}

ActivationDescriptor make_activation(const CudnnFunctions& dnn, bool relu) {
  cudnnActivationDescriptor_t raw = nullptr;
  CUDNN_CHECK(dnn, cudnnCreateActivationDescriptor, &raw);
  ActivationDescriptor activation(raw, dnn.cudnnDestroyActivationDescriptor);
  CUDNN_CHECK(dnn, cudnnSetActivationDescriptor, raw, relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
              CUDNN_NOT_PROPAGATE_NAN, 0.0);
  return activation;
}

/// The highest power of two, up to 16, that divides the address.
int alignment(const void* p) {
  int bytes = 16;
  while (reinterpret_cast<std::uintptr_t>(p) % static_cast<std::uintptr_t>(bytes) != 0) bytes /= 2;
  return bytes;
}

ConvKey key_of(const Stream& stream, const Convolution& c) {
  return {.device = stream.device().index,
          .pass = c.pass,
          .type = c.type,
          .tensor_cores = c.tensor_cores,
          .bias = c.bias != nullptr,
          .relu = c.relu,
          .n = c.x.n,
          .x_h = c.x.h,
          .x_w = c.x.w,
          .x_c = c.x.c,
          .y_h = c.y.h,
          .y_w = c.y.w,
          .y_c = c.y.c,
          .x_pitch = c.x.pitch,
          .y_pitch = c.y.pitch,
          .residual_pitch = c.residual.pitch,
          .kernel_h = c.kernel_h,
          .kernel_w = c.kernel_w,
          .stride_h = c.stride_h,
          .stride_w = c.stride_w,
          .pad_h = c.pad_h,
          .pad_w = c.pad_w,
          .align_x = alignment(c.x.data),
          .align_y = alignment(c.y.data)};
}

ConvPlan make_plan(const CudnnFunctions& dnn, const Convolution& c) {
  return {.x = make_tensor(dnn, c.type, c.x),
          .y = make_tensor(dnn, c.type, c.y),
          .bias = make_vector(dnn, c.type, c.y.c),
          .residual = make_tensor(dnn, c.type, c.residual.data == nullptr ? c.y : c.residual),
          .kernel = make_filter(dnn, c),
          .convolution = make_convolution(dnn, c),
          .activation = make_activation(dnn, c.relu)};
}

// ---- choosing an algorithm ------------------------------------------------------------------------------------------

constexpr std::size_t kWorkspaceLimit = std::size_t{256} << 20;

struct Algorithm {
  int number = 0;
  cudnnMathType_t math = CUDNN_FMA_MATH;
};

bool is_captured(const Stream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  CUDA_CHECK(cudaStreamIsCapturing(stream.cuda(), &status));
  return status != cudaStreamCaptureStatusNone;
}

/// A block to measure algorithms in; null where the device has no room for it.
std::unique_ptr<void, std::function<void(void*)>> borrow(MemorySource& memory, std::size_t bytes) {
  const auto release = [&memory](void* block) { memory.release(block); };
  try {
    return {memory.allocate(bytes, false), release};
  } catch (const Error& error) {
    if (error.code() != Exit::out_of_memory) throw;
    return {nullptr, release};
  }
}

/// Algorithms, the fastest first: as measured, or as cuDNN thinks while the stream is captured or where memory is
/// short.
template <class Pass>
cudnnStatus_t rank(const Stream& stream, const CudnnPlans& plans, const ConvPlan& plan, const Convolution& c,
                   int* count, typename Pass::Found* found) {
  if (!is_captured(stream)) {
    if (const auto workspace = borrow(plans.memory, kWorkspaceLimit)) {
      return Pass::measure(plans, plan, c, count, found, workspace.get(), kWorkspaceLimit);
    }
  }
  return Pass::guess(plans, plan, count, found);
}

template <class Pass>
std::optional<Algorithm> choose(const Stream& stream, const CudnnPlans& plans, const ConvPlan& plan,
                                const Convolution& c) {
  std::array<typename Pass::Found, Pass::kMost> found{};
  int count = 0;
  const cudnnStatus_t status = rank<Pass>(stream, plans, plan, c, &count, found.data());
  if (not_supported(status)) return std::nullopt;
  check_cudnn(plans.dnn, status, "finding a convolution's algorithm");
  for (int i = 0; i < count; ++i) {
    const auto& f = found[static_cast<std::size_t>(i)];
    if (f.status != CUDNN_STATUS_SUCCESS || f.determinism != CUDNN_DETERMINISTIC || f.memory > kWorkspaceLimit)
      continue;
    // For FMA_MATH cuDNN may answer with another math, under which TensorFloat-32 would be allowed.
    return Algorithm{static_cast<int>(f.algo), c.tensor_cores ? f.mathType : CUDNN_FMA_MATH};
  }
  return std::nullopt;
}

/// With a bias and no ReLU cuDNN knows one algorithm only; it is taken with ReLU as well.
std::optional<Algorithm> algorithm_of(const Stream& stream, const CudnnPlans& plans, const ConvPlan& plan,
                                      const Convolution& c) {
  if (c.bias != nullptr) return Algorithm{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, math_of(c)};
  return with_pass(c.pass, [&](auto pass) { return choose<decltype(pass)>(stream, plans, plan, c); });
}

/// Whether the algorithm takes this convolution, with its workspace.
bool settle(const CudnnPlans& plans, ConvPlan& plan, const Convolution& c, const Algorithm& algorithm) {
  CUDNN_CHECK(plans.dnn, cudnnSetConvolutionMathType, plan.convolution.get(), algorithm.math);
  plan.algorithm = algorithm.number;
  const cudnnStatus_t status =
      with_pass(c.pass, [&](auto pass) { return pass.workspace(plans, plan, &plan.workspace); });
  if (not_supported(status)) return false;
  check_cudnn(plans.dnn, status, "asking for a convolution's workspace");
  return plan.workspace <= kWorkspaceLimit;
}

}  // namespace

CudnnPlans* cudnn_plans(Stream& stream) {
  auto& slot = stream.cudnn_plans();
  if (!slot) {
    const CudnnFunctions* functions = cudnn_functions();
    if (functions == nullptr) return nullptr;
    slot = std::make_shared<CudnnPlans>(*functions, stream);
  }
  return slot.get();
}

KernelCopies& kernel_copies(CudnnPlans& plans) { return plans.kernels; }

const ConvPlan* find_plan(const Stream& stream, CudnnPlans& plans, const Convolution& c) {
  const ConvKey key = key_of(stream, c);
  auto found = plans.plans.find(key);
  if (found == plans.plans.end()) {
    ConvPlan plan = make_plan(plans.dnn, c);
    static Choices<ConvKey, Algorithm> choices;
    const auto algorithm = choices.find(key, [&] { return algorithm_of(stream, plans, plan, c); });
    plan.usable = algorithm && settle(plans, plan, c, *algorithm);
    found = plans.plans.emplace(key, std::move(plan)).first;
  }
  return found->second.usable ? &found->second : nullptr;
}

std::size_t workspace_bytes(const ConvPlan& plan) { return plan.workspace; }

bool run(const Stream& stream, const CudnnPlans& plans, const ConvPlan& plan, const Convolution& convolution,
         void* workspace) {
  const cudnnStatus_t status =
      with_pass(convolution.pass, [&](auto pass) { return pass.run(plans, plan, convolution, workspace); });
  if (not_supported(status)) return false;
  check_cudnn(plans.dnn, status, "a convolution");
  if (stream.synchronous()) stream.synchronize();
  return true;
}

void add_bias(const CudnnPlans& plans, const float* bias, FloatView y) {
  const TensorDescriptor vector = make_vector(plans.dnn, ElementType::f32, y.c);
  const TensorDescriptor images = make_tensor(plans.dnn, ElementType::f32, Images(y));
  CUDNN_CHECK(plans.dnn, cudnnAddTensor, plans.handle, &kOne, vector.get(), bias, &kOne, images.get(), y.data);
}

void sum_pixels(const CudnnPlans& plans, ConstFloatView y, float* bias) {
  const TensorDescriptor vector = make_vector(plans.dnn, ElementType::f32, y.c);
  const TensorDescriptor images = make_tensor(plans.dnn, ElementType::f32, Images(y));
  CUDNN_CHECK(plans.dnn, cudnnConvolutionBackwardBias, plans.handle, &kOne, images.get(), y.data, &kZero, vector.get(),
              bias);
}

}  // namespace karyon::cuda

#endif
