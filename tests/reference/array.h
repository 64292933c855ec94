// What the references compute with: four sizes and dense doubles.
// Invariant: the last index runs fastest. Images are (n, h, w, c), HWIO kernels (r, s, i, o), HWOI kernels (r, s, o,
// i), depthwise kernels (1, r, s, c), vectors (1, 1, 1, c). An Array without values stands for an argument left out.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace karyon::reference {

using Shape = std::array<int, 4>;

inline std::int64_t elements(const Shape& s) { return std::int64_t{s[0]} * s[1] * s[2] * s[3]; }

/// The four indices of the element at a flat position.
inline std::array<int, 4> unravel(const Shape& shape, std::int64_t flat) {
  std::array<int, 4> index{};
  for (std::size_t d = 4; d-- > 0;) {
    index[d] = static_cast<int>(flat % shape[d]);
    flat /= shape[d];
  }
  return index;
}

struct Array {
  Shape shape{0, 0, 0, 0};
  std::vector<double> values;

  Array() = default;
  explicit Array(const Shape& s) : shape(s), values(static_cast<std::size_t>(elements(s)), 0.0) {}

  [[nodiscard]] bool empty() const { return values.empty(); }
  [[nodiscard]] std::size_t position(int a, int b, int c, int d) const {
    return static_cast<std::size_t>(((std::int64_t{a} * shape[1] + b) * shape[2] + c) * shape[3] + d);
  }
  double& at(int a, int b, int c, int d) { return values[position(a, b, c, d)]; }
  [[nodiscard]] double at(int a, int b, int c, int d) const { return values[position(a, b, c, d)]; }
  /// An element of a vector.
  [[nodiscard]] double at(int channel) const { return values[static_cast<std::size_t>(channel)]; }
};

/// The array of a function of four indices that returns a double.
template <class Element>
Array build(const Shape& shape, const Element& element) {
  Array result(shape);
  for (std::size_t i = 0; i < result.values.size(); ++i) {
    const auto [a, b, c, d] = unravel(shape, static_cast<std::int64_t>(i));
    result.values[i] = element(a, b, c, d);
  }
  return result;
}

/// A sum and the sum of its terms' absolute values, to which the rounding error of any order of adding is in
/// proportion.
struct Sum {
  double value = 0;
  double magnitude = 0;
  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

/// dbias[o]: the sum of dy over n, h and w.
inline Sum backward_bias(const Array& dy, int o) {
  Sum sum;
  for (auto i = static_cast<std::size_t>(o); i < dy.values.size(); i += static_cast<std::size_t>(dy.shape[3])) {
    sum.add(dy.values[i]);
  }
  return sum;
}

}  // namespace karyon::reference
