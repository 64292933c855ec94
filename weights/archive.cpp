// Invariant: a conversion to float is exact for f32, f16 and bf16 and correctly rounded for f64; infinities and NaN
// stay what they are, so that the caller can refuse them.
#include "weights/archive.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/check.h"
#include "weights/half.h"

namespace karyon {

static_assert(std::endian::native == std::endian::little, "tensor bytes are little-endian and used as they are");

namespace {

float bfloat_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

template <typename Stored, typename Convert>
std::vector<float> convert(const std::vector<std::uint8_t>& bytes, Convert to_float) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = to_float(stored);
  }
  return values;
}

}  // namespace

std::size_t element_size(ArchiveType type) {
  switch (type) {
    case ArchiveType::f64:
    case ArchiveType::i64:
      return 8;
    case ArchiveType::f32:
    case ArchiveType::i32:
      return 4;
    case ArchiveType::f16:
    case ArchiveType::bf16:
    case ArchiveType::i16:
      return 2;
    case ArchiveType::i8:
    case ArchiveType::u8:
    case ArchiveType::boolean:
      return 1;
  }
  KARYON_CHECK(false, "unknown element type");
}

std::int64_t ArchiveEntry::count() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) product *= extent;
  return product;
}

const ArchiveEntry* Archive::find(const std::string& name) const {
  const auto found = std::ranges::find(entries(), name, &ArchiveEntry::name);
  return found == entries().end() ? nullptr : &*found;
}

std::vector<float> Archive::read_floats(const std::string& name) const {
  const std::vector<std::uint8_t> bytes = read(name);
  switch (find(name)->type) {
    case ArchiveType::f64:
      return convert<double>(bytes, [](double value) { return static_cast<float>(value); });
    case ArchiveType::f32:
      return convert<float>(bytes, [](float value) { return value; });
    case ArchiveType::f16:
      return convert<std::uint16_t>(bytes, to_float);
    case ArchiveType::bf16:
      return convert<std::uint16_t>(bytes, bfloat_to_float);
    default:
      throw Error(Exit::bad_data, "tensor '" + name + "' holds integers, expected floating point");
  }
}

}  // namespace karyon
