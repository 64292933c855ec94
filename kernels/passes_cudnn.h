// The three directions of cuDNN's convolution behind one interface (measure, guess, workspace, run), and what they work
// on. For plans_cudnn.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "kernels/cuda_library_functions.h"
#include "kernels/plans_cudnn.h"

namespace karyon {

namespace cuda {

inline void check_cudnn(const CudnnFunctions& dnn, cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const bool memory = status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
                      status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
  throw Error(memory ? Exit::out_of_memory : Exit::internal,
              std::string("cuDNN: ") + call + ": " + dnn.cudnnGetErrorString(status));
}
#define CUDNN_CHECK(dnn, function, ...) \
  ::karyon::cuda::check_cudnn((dnn), (dnn).function(__VA_ARGS__), #function "(" #__VA_ARGS__ ")")

inline bool not_supported(cudnnStatus_t status) { return CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED; }

// ---- what a plan is -------------------------------------------------------------------------------------------------

template <class Raw>
using Descriptor = std::unique_ptr<std::remove_pointer_t<Raw>, cudnnStatus_t (*)(Raw)>;
using TensorDescriptor = Descriptor<cudnnTensorDescriptor_t>;
using FilterDescriptor = Descriptor<cudnnFilterDescriptor_t>;
using ConvolutionDescriptor = Descriptor<cudnnConvolutionDescriptor_t>;
using ActivationDescriptor = Descriptor<cudnnActivationDescriptor_t>;

/// All that an algorithm's fitness and speed depend on.
struct ConvKey {
  int device = 0;
  ConvPass pass = ConvPass::forward;
  ElementType type = ElementType::f32;
  bool tensor_cores = false, bias = false, relu = false;
  int n = 0, x_h = 0, x_w = 0, x_c = 0, y_h = 0, y_w = 0, y_c = 0;
  std::int64_t x_pitch = 0, y_pitch = 0, residual_pitch = 0;
  int kernel_h = 0, kernel_w = 0, stride_h = 0, stride_w = 0, pad_h = 0, pad_w = 0;
  int align_x = 0, align_y = 0;
  friend auto operator<=>(const ConvKey&, const ConvKey&) = default;
};

struct ConvPlan {
  TensorDescriptor x, y, bias, residual;
  FilterDescriptor kernel;
  ConvolutionDescriptor convolution;
  ActivationDescriptor activation;
  bool usable = false;
  int algorithm = 0;
  std::size_t workspace = 0;
};

}  // namespace cuda

struct CudnnPlans {
  CudnnPlans(const cuda::CudnnFunctions& functions, const Stream& stream)
      : dnn(functions), memory(stream.memory()), kernels(stream.memory()) {
    CUDNN_CHECK(dnn, cudnnCreate, &handle);
    const cudnnStatus_t status = dnn.cudnnSetStream(handle, stream.cuda());
    if (status != CUDNN_STATUS_SUCCESS) dnn.cudnnDestroy(handle);
    cuda::check_cudnn(dnn, status, "cudnnSetStream");
  }
  CudnnPlans(const CudnnPlans&) = delete;
  CudnnPlans& operator=(const CudnnPlans&) = delete;
  ~CudnnPlans() {
    plans.clear();
    dnn.cudnnDestroy(handle);
  }

  const cuda::CudnnFunctions& dnn;
  MemorySource& memory;
  KernelCopies kernels;
  cudnnHandle_t handle = nullptr;
  std::map<cuda::ConvKey, cuda::ConvPlan> plans;
};

namespace cuda {

// ---- the three directions -------------------------------------------------------------------------------------------

constexpr float kOne = 1, kZero = 0;

struct Forward {
  using Found = cudnnConvolutionFwdAlgoPerf_t;
  using Number = cudnnConvolutionFwdAlgo_t;
  static constexpr int kMost = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;

  static cudnnStatus_t measure(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, int* count,
                               Found* found, void* workspace, std::size_t bytes) {
    return p.dnn.cudnnFindConvolutionForwardAlgorithmEx(p.handle, plan.x.get(), c.x.data, plan.kernel.get(), c.kernel,
                                                        plan.convolution.get(), plan.y.get(), c.y.data, kMost, count,
                                                        found, workspace, bytes);
  }
  static cudnnStatus_t guess(const CudnnPlans& p, const ConvPlan& plan, int* count, Found* found) {
    return p.dnn.cudnnGetConvolutionForwardAlgorithm_v7(p.handle, plan.x.get(), plan.kernel.get(),
                                                        plan.convolution.get(), plan.y.get(), kMost, count, found);
  }
  static cudnnStatus_t workspace(const CudnnPlans& p, const ConvPlan& plan, std::size_t* bytes) {
    return p.dnn.cudnnGetConvolutionForwardWorkspaceSize(p.handle, plan.x.get(), plan.kernel.get(),
                                                         plan.convolution.get(), plan.y.get(),
                                                         static_cast<Number>(plan.algorithm), bytes);
  }
  static cudnnStatus_t run(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, void* workspace) {
    if (c.bias != nullptr) return run_with_bias(p, plan, c, workspace);
    return p.dnn.cudnnConvolutionForward(p.handle, &kOne, plan.x.get(), c.x.data, plan.kernel.get(), c.kernel,
                                         plan.convolution.get(), static_cast<Number>(plan.algorithm), workspace,
                                         plan.workspace, &kZero, plan.y.get(), c.y.data);
  }
  static cudnnStatus_t run_with_bias(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, void* workspace) {
    const bool adds = c.residual.data != nullptr;  // else y stands in its place, times zero
    return p.dnn.cudnnConvolutionBiasActivationForward(
        p.handle, &kOne, plan.x.get(), c.x.data, plan.kernel.get(), c.kernel, plan.convolution.get(),
        static_cast<Number>(plan.algorithm), workspace, plan.workspace, adds ? &kOne : &kZero, plan.residual.get(),
        adds ? c.residual.data : c.y.data, plan.bias.get(), c.bias, plan.activation.get(), plan.y.get(), c.y.data);
  }
};

struct BackwardData {
  using Found = cudnnConvolutionBwdDataAlgoPerf_t;
  using Number = cudnnConvolutionBwdDataAlgo_t;
  static constexpr int kMost = CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;

  static cudnnStatus_t measure(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, int* count,
                               Found* found, void* workspace, std::size_t bytes) {
    return p.dnn.cudnnFindConvolutionBackwardDataAlgorithmEx(p.handle, plan.kernel.get(), c.kernel, plan.y.get(),
                                                             c.y.data, plan.convolution.get(), plan.x.get(), c.x.data,
                                                             kMost, count, found, workspace, bytes);
  }
  static cudnnStatus_t guess(const CudnnPlans& p, const ConvPlan& plan, int* count, Found* found) {
    return p.dnn.cudnnGetConvolutionBackwardDataAlgorithm_v7(p.handle, plan.kernel.get(), plan.y.get(),
                                                             plan.convolution.get(), plan.x.get(), kMost, count, found);
  }
  static cudnnStatus_t workspace(const CudnnPlans& p, const ConvPlan& plan, std::size_t* bytes) {
    return p.dnn.cudnnGetConvolutionBackwardDataWorkspaceSize(p.handle, plan.kernel.get(), plan.y.get(),
                                                              plan.convolution.get(), plan.x.get(),
                                                              static_cast<Number>(plan.algorithm), bytes);
  }
  static cudnnStatus_t run(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, void* workspace) {
    return p.dnn.cudnnConvolutionBackwardData(p.handle, &kOne, plan.kernel.get(), c.kernel, plan.y.get(), c.y.data,
                                              plan.convolution.get(), static_cast<Number>(plan.algorithm), workspace,
                                              plan.workspace, &kZero, plan.x.get(), c.x.data);
  }
};

struct BackwardWeight {
  using Found = cudnnConvolutionBwdFilterAlgoPerf_t;
  using Number = cudnnConvolutionBwdFilterAlgo_t;
  static constexpr int kMost = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;

  static cudnnStatus_t measure(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, int* count,
                               Found* found, void* workspace, std::size_t bytes) {
    return p.dnn.cudnnFindConvolutionBackwardFilterAlgorithmEx(p.handle, plan.x.get(), c.x.data, plan.y.get(), c.y.data,
                                                               plan.convolution.get(), plan.kernel.get(), c.kernel,
                                                               kMost, count, found, workspace, bytes);
  }
  static cudnnStatus_t guess(const CudnnPlans& p, const ConvPlan& plan, int* count, Found* found) {
    return p.dnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
        p.handle, plan.x.get(), plan.y.get(), plan.convolution.get(), plan.kernel.get(), kMost, count, found);
  }
  static cudnnStatus_t workspace(const CudnnPlans& p, const ConvPlan& plan, std::size_t* bytes) {
    return p.dnn.cudnnGetConvolutionBackwardFilterWorkspaceSize(p.handle, plan.x.get(), plan.y.get(),
                                                                plan.convolution.get(), plan.kernel.get(),
                                                                static_cast<Number>(plan.algorithm), bytes);
  }
  static cudnnStatus_t run(const CudnnPlans& p, const ConvPlan& plan, const Convolution& c, void* workspace) {
    return p.dnn.cudnnConvolutionBackwardFilter(p.handle, &kOne, plan.x.get(), c.x.data, plan.y.get(), c.y.data,
                                                plan.convolution.get(), static_cast<Number>(plan.algorithm), workspace,
                                                plan.workspace, &kZero, plan.kernel.get(), c.kernel);
  }
};

template <class Body>
auto with_pass(ConvPass pass, const Body& body) {
  if (pass == ConvPass::forward) return body(Forward{});
  if (pass == ConvPass::backward_data) return body(BackwardData{});
  return body(BackwardWeight{});
}

}  // namespace cuda
}  // namespace karyon
