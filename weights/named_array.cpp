// Invariant: messages print numbers alike in every locale.
#include "weights/named_array.h"

#include <cmath>

#include "weights/numbers.h"

namespace karyon {

std::string unfit_value(const NamedArray& array, float limit) {
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    const float value = array.values[i];
    if (std::fabs(value) <= limit) continue;  // false for NaN too
    return "tensor '" + array.name + "' holds " + number_text(value) + " at index " + std::to_string(i);
  }
  return {};
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

}  // namespace karyon
