// The network as a graph of TensorFlow's, for TensorBoard's page "Graphs".
// Invariant: made from the summary's rows alone, one node a row; where a row works on two tensors side by side, a
// ConcatV2 before it, and a Softmax at the end. Names are scopes, which TensorBoard folds: encoder/block_3/expand,
// decoder/up_1/conv_transpose, head/conv_transpose. Weights are no nodes.
#pragma once

#include <string>

#include "model/summary.h"

namespace karyon {

/// A serialised GraphDef. Every node has its output's shape, with the batch left open, as `_output_shapes`.
std::string model_graph(const ModelSummary& summary);

}  // namespace karyon
