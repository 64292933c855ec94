// The functions of cuDNN and cuBLASLt that Karyon calls, as tables that cuda_libraries.cpp fills.
// Invariant: each entry has the type that the vendor's header declares and the name of its function; only the type is
// taken from the header, so nothing links against the libraries.
#pragma once

#include <cublasLt.h>
#include <cudnn.h>

#define KARYON_CUDNN_FUNCTIONS(DO)                   \
  DO(cudnnGetVersion)                                \
  DO(cudnnGetErrorString)                            \
  DO(cudnnCreate)                                    \
  DO(cudnnDestroy)                                   \
  DO(cudnnSetStream)                                 \
  DO(cudnnCreateTensorDescriptor)                    \
  DO(cudnnDestroyTensorDescriptor)                   \
  DO(cudnnSetTensor4dDescriptorEx)                   \
  DO(cudnnCreateFilterDescriptor)                    \
  DO(cudnnDestroyFilterDescriptor)                   \
  DO(cudnnSetFilter4dDescriptor)                     \
  DO(cudnnCreateConvolutionDescriptor)               \
  DO(cudnnDestroyConvolutionDescriptor)              \
  DO(cudnnSetConvolution2dDescriptor)                \
  DO(cudnnSetConvolutionMathType)                    \
  DO(cudnnCreateActivationDescriptor)                \
  DO(cudnnDestroyActivationDescriptor)               \
  DO(cudnnSetActivationDescriptor)                   \
  DO(cudnnFindConvolutionForwardAlgorithmEx)         \
  DO(cudnnGetConvolutionForwardAlgorithm_v7)         \
  DO(cudnnGetConvolutionForwardWorkspaceSize)        \
  DO(cudnnConvolutionForward)                        \
  DO(cudnnConvolutionBiasActivationForward)          \
  DO(cudnnFindConvolutionBackwardDataAlgorithmEx)    \
  DO(cudnnGetConvolutionBackwardDataAlgorithm_v7)    \
  DO(cudnnGetConvolutionBackwardDataWorkspaceSize)   \
  DO(cudnnConvolutionBackwardData)                   \
  DO(cudnnFindConvolutionBackwardFilterAlgorithmEx)  \
  DO(cudnnGetConvolutionBackwardFilterAlgorithm_v7)  \
  DO(cudnnGetConvolutionBackwardFilterWorkspaceSize) \
  DO(cudnnConvolutionBackwardFilter)                 \
  DO(cudnnConvolutionBackwardBias)                   \
  DO(cudnnAddTensor)

#define KARYON_CUBLASLT_FUNCTIONS(DO)      \
  DO(cublasLtGetVersion)                   \
  DO(cublasLtGetStatusName)                \
  DO(cublasLtCreate)                       \
  DO(cublasLtDestroy)                      \
  DO(cublasLtMatmulDescCreate)             \
  DO(cublasLtMatmulDescDestroy)            \
  DO(cublasLtMatmulDescSetAttribute)       \
  DO(cublasLtMatrixLayoutCreate)           \
  DO(cublasLtMatrixLayoutDestroy)          \
  DO(cublasLtMatmulPreferenceCreate)       \
  DO(cublasLtMatmulPreferenceDestroy)      \
  DO(cublasLtMatmulPreferenceSetAttribute) \
  DO(cublasLtMatmulAlgoGetHeuristic)       \
  DO(cublasLtMatmul)

namespace karyon::cuda {

#define KARYON_TABLE_ENTRY(name) decltype(&::name) name = nullptr;  // NOLINT(bugprone-macro-parentheses)
struct CudnnFunctions {
  KARYON_CUDNN_FUNCTIONS(KARYON_TABLE_ENTRY)
};
struct CublasLtFunctions {
  KARYON_CUBLASLT_FUNCTIONS(KARYON_TABLE_ENTRY)
};
#undef KARYON_TABLE_ENTRY

}  // namespace karyon::cuda
