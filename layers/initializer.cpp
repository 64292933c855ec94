#include "layers/initializer.h"

#include <algorithm>
#include <cmath>

#include "engine/random.h"
#include "kernels/check.h"

namespace karyon {

namespace {

/// FNV-1a, to make a stream's number of a name.
std::uint32_t name_number(std::string_view name) {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

}  // namespace

void fill_normal(Tensor& tensor, float deviation, std::uint64_t seed, std::string_view name) {
  RandomStream random(seed, Purpose::initial_weights, name_number(name));
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  std::generate(values.begin(), values.end(), [&] { return deviation * random.normal(); });
  tensor.assign(values);
}

void fill_glorot_uniform(Tensor& tensor, std::uint64_t seed, std::string_view name) {
  const Shape& shape = tensor.shape();
  KARYON_CHECK(shape.size() >= 2, "Glorot's initialisation is for kernels");
  double area = 1;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) area *= shape[i];
  const double fans = area * (shape[shape.size() - 2] + shape[shape.size() - 1]);
  const auto limit = static_cast<float>(std::sqrt(6.0 / fans));
  RandomStream random(seed, Purpose::initial_weights, name_number(name));
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  std::generate(values.begin(), values.end(), [&] { return random.uniform(-limit, limit); });
  tensor.assign(values);
}

}  // namespace karyon
