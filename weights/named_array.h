// A tensor by name, the form in which weights travel between files and the model.
// Invariant: `values` holds as many numbers as `shape` says, row-major.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace karyon {

struct NamedArray {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// The first value that is infinite, NaN or larger than `limit` in magnitude, as text naming the tensor, the value and
/// its index; empty when all are fit for use. `limit` is finite.
std::string unfit_value(const NamedArray& array, float limit);

/// "[3, 3, 32, 1]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace karyon
