// The second pass of a reduction over blocks: sums that several blocks hold in part are added, always in one order.
// Internal to the CUDA kernels.
#pragma once

#include <cstdint>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace karyon::cuda {

/// result[i] = partial[0][i] + partial[1][i] + ... in this order, for `parts` rows of `count` floats.
void add_partial_sums(const Stream& stream, const float* partial, int parts, std::int64_t count, float* result);

/// sums[c] = the sum over all pixels of x's channel c: the gradient of a bias. Takes the stream's workspace.
template <class T>
void sum_channels(Stream& stream, View<const T> x, float* sums);

}  // namespace karyon::cuda
