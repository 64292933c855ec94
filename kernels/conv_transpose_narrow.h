// The transposed convolution with few output channels (the U-Net's last layer has two), where matrix products starve.
// Invariant: all taps of all output channels of a pixel fit two vectors (taps * out <= 32), so a pixel's columns are
// computed in registers. Same contract as conv_transpose.h, whose CPU twin chooses between the two.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace karyon {

constexpr int kNarrowColumns = 32;

/// Floats of a kernel packed for narrow_columns: 32 for each input channel.
inline std::int64_t narrow_packed_size(int channels) { return std::int64_t{channels} * kNarrowColumns; }
/// packed[c][column] = kernel[column][channel_begin + c], zero where column >= columns. kernel:
/// [columns][kernel_channels].
void pack_narrow(const float* kernel, int kernel_channels, int channel_begin, int channels, int columns, float* packed);

/// columns[pixel][32] (+)= sum_c x[pixel][c] packed[c][.]; adds where `accumulate`.
void narrow_columns(const float* x, std::ptrdiff_t pitch, std::int64_t pixels, int channels, const float* packed,
                    bool accumulate, float* columns);

/// Adds one tap row of an input row to an output row: for pixel j and tap s
/// out[(j * stride - crop + s) * channels + o] += columns[j * 32 + s * channels + o], inside [0, out_w).
void narrow_scatter_row(const float* columns, int in_w, int kernel_w, int stride, int crop, int out_w, int channels,
                        float* out);

/// sums[column][c] += sum over pixels of gathered[pixel][column] x[pixel][c]. gathered has `columns` floats a pixel,
/// sums `channels` a column.
void narrow_weight_sums(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch, std::int64_t pixels,
                        int channels, float* sums);

}  // namespace karyon
