// The network as readers of its ONNX file see it: planar pixels in, planar logits out.
// Invariant: the same numbers as the exported graph computes, by Karyon's own kernels.
#pragma once

#include "model/unet.h"
#include "weights/checkpoint.h"
#include "weights/npy_file.h"

namespace karyon {

/// image: [N, 3, H, W], 0 .. 255, sides multiples of 32, checked as Karyon's own duty. Returns logits [N, classes, H,
/// W].
NpyArray planar_logits(Context& context, const UNet& unet, const Normalisation& normalisation, const NpyArray& image);

/// Logits [N, classes, H, W] to probabilities: softmax over the classes.
NpyArray planar_softmax(const NpyArray& logits);

/// The largest absolute difference of two arrays of one shape; NaN when a number is one.
double largest_difference(const NpyArray& a, const NpyArray& b);

}  // namespace karyon
