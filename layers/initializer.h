// Initial weights as Keras draws them, from counter-based random numbers.
// Invariant: what a tensor gets depends on the seed and on its full name alone, so adding a layer shifts no other.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/tensor.h"

namespace karyon {

/// Normal with mean 0 and the given deviation (pix2pix's upsamplers: 0.02).
void fill_normal(Tensor& tensor, float deviation, std::uint64_t seed, std::string_view name);
/// Glorot and Bengio 2010, Keras's default: uniform in +-sqrt(6 / (fan_in + fan_out)), fans as Keras counts them: the
/// last two dimensions times the kernel's area.
void fill_glorot_uniform(Tensor& tensor, std::uint64_t seed, std::string_view name);

}  // namespace karyon
