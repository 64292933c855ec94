// The transposed convolution with few output channels (the U-Net's last layer has two), where matrix products starve.
// Invariant: all taps of all output channels of a pixel fit two panels (taps * out <= 32): its columns are one product.
// Same contract as conv_transpose.h, whose CPU twin chooses between the two.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace karyon {

constexpr int kNarrowColumns = 32;

/// The kernel's columns in panels (kernels/panel_product.h): packed[panel][c][16] = kernel[column][c], zero where
/// column
/// >= columns. kernel: [columns][channels]; packed: 32 floats for each channel.
void pack_narrow(const float* kernel, int channels, int columns, float* packed);

/// Adds one tap row of an input row to an output row: for pixel j and tap s
/// out[(j * stride - crop + s) * channels + o] += columns[j * 32 + s * channels + o], inside [0, out_w).
void narrow_scatter_row(const float* columns, int in_w, int kernel_w, int stride, int crop, int out_w, int channels,
                        float* out);

/// sums[column][c] += sum over pixels of gathered[pixel][column] x[pixel][c]. gathered has `columns` floats a pixel,
/// sums `channels` a column.
void narrow_weight_sums(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch, std::int64_t pixels,
                        int channels, float* sums);

}  // namespace karyon
