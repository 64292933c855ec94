// One output row of the int8 depthwise convolution, for kernels/depthwise_conv_int8.cpp.
// Invariant: every variant gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/requantise_int8.h"

namespace karyon {

/// A 3x3 kernel, bias and scale in the orders that the variants read; channels in whole groups of 16, of blocks of 64.
struct PackedDepthwise {
  int channels = 0;
  std::vector<std::int8_t> kernel;  // [9][channels]
  std::vector<std::int32_t> bias;   // [channels]
  std::vector<float> scale;         // [channels]
  // Of each block of 64 channels, with channel 16 l + 4 j + e at place 16 j + 4 l + e: where vector interleaving takes
  // it and packing brings it back from.
  std::vector<std::int8_t> block_kernel;  // [block][column of the kernel][64][4: its three rows and 0]
  std::vector<std::int32_t> block_bias;   // [block][64]
  std::vector<float> block_scale;
};

struct DepthwiseRow {
  const std::uint8_t* rows[3];  // of the input, under the kernel's rows
  std::ptrdiff_t pitches[3];    // from pixel to pixel; 0 where the row is outside and its pointer is to zeros
  int in_w, out_w, stride, pad_left;
  ByteOutput output;  // but for its scale
  std::uint8_t* y;
  std::ptrdiff_t y_pitch;
};

struct DepthwiseVariant {
  const char* name;
  void (*compute)(const PackedDepthwise& packed, const DepthwiseRow& row);
};

/// What this machine can run, the fastest first; the last one, in plain C++, runs anywhere.
std::span<const DepthwiseVariant> depthwise_variants();

}  // namespace karyon
