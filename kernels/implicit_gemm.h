// Convolution and transposed convolution as matrix products whose left side is never written down.
// Both join two grids of pixels. The fine one is a convolution's input or a transposed convolution's output, the coarse
// one the other: coarse pixel i and tap r meet at the fine pixel i * stride - pad + r. Three products serve six passes:
//
//                     convolution      transposed convolution
//   to the coarse     forward          backward data             kernel[tap][fine channel][coarse channel]
//   to the fine       backward data    forward                   for all six: HWIO of the one, HWOI of the other
//   of the weights    backward weight  backward weight
//
// Internal to kernels/conv.cu and kernels/conv_transpose.cu, on CUDA cores in float for every geometry, pitch and
// number of channels. T, Y: storage types, instantiated as (float, float), (Bfloat16, Bfloat16) and the mixed pair that
// each function names.
#pragma once

#include <span>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace karyon::cuda {

/// What happens to a sum before it is stored: result = act(residual + bias[channel] + sum). Null: left out.
template <class Y>
struct Epilogue {
  const float* bias = nullptr;
  View<const Y> residual;
  Activation act = Activation::none;
};

/// coarse[i][o] = sum over taps and c of fine[i * stride - pad + tap][c] kernel[tap][c][o]; one row of the kernel lies
/// kernel_pitch floats behind the other, so that a slice of the coarse channels can be computed. Mixed: (float,
/// Bfloat16).
template <class T, class Y>
void gemm_to_coarse(Stream& stream, View<const T> fine, const float* kernel, int kernel_pitch,
                    const Epilogue<Y>& epilogue, const ConvGeometry& geometry, View<Y> coarse);

/// fine[p][o] = sum over all i * stride - pad + tap = p and all c of coarse[i][c] kernel[tap][o][c]. The channels of
/// the one or two coarse views count as concatenated. Mixed: (Bfloat16, float).
template <class T, class Y>
void gemm_to_fine(Stream& stream, std::span<const View<const T>> coarse, const float* kernel,
                  const Epilogue<Y>& epilogue, const ConvGeometry& geometry, View<Y> fine);

/// dkernel[tap][f][c] = sum over coarse pixels i of fine[i * stride - pad + tap][f] coarse[i][c], for one or two coarse
/// views as above. Mixed: (float, Bfloat16).
template <class T, class Y>
void gemm_of_weights(Stream& stream, View<const T> fine, std::span<const View<const Y>> coarse,
                     const ConvGeometry& geometry, float* dkernel);

}  // namespace karyon::cuda
