// The formula of kernels/add.h.
// Invariant: one rounding, that of the exact sum, so a float kernel has no choice.
#pragma once

#include "tests/reference/array.h"

namespace karyon::reference {

/// The sum as the nearest float; a and b hold floats, whose sum a double may round too, but not to another float.
inline double add(double a, double b) { return static_cast<double>(static_cast<float>(a + b)); }

}  // namespace karyon::reference
