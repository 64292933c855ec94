// Rows of op_bench for oneDNN's own kernels, where Karyon has written its own: each stands under ours.
// Invariant: a row appears only after oneDNN's result agreed with ours on the same arrays; Error internal where it does
// not. oneDNN is given what suits it: one input of all channels, and weights and their gradients in the layout that it
// likes best, so that reordering them is not timed. On CUDA there are no such rows.
#pragma once

#include <string>

#include "tests/bench_table.h"

namespace karyon::testing {

enum class Pass : std::uint8_t { forward, backward_data, backward_weight };

/// Under the row `name`, which does the same `work`. x: all channels, or for backward data those whose gradient is
/// asked for, the first of kernel_channels. With bias forward alone, as in our rows.
void dnnl_conv_transpose_row(Bench& bench, const std::string& name, const Work& work, Pass pass, const Shape& x,
                             int kernel_channels, const Shape& y);
void dnnl_depthwise_row(Bench& bench, const std::string& name, const Work& work, Pass pass, const Shape& x,
                        const Shape& y, Activation act, const ConvGeometry& geometry);
/// Training, with relu behind it; forward, or backward data with the gradients of gamma and beta.
void dnnl_batch_norm_row(Bench& bench, const std::string& name, const Work& work, Pass pass, const Shape& x,
                         float epsilon);

}  // namespace karyon::testing
