// One interface for every file that holds named tensors: list them, read one.
// Invariant: nothing is allocated from a number in the file before it has been checked against the file's size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace karyon {

enum class ArchiveType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

/// Bytes of one element.
std::size_t element_size(ArchiveType type);

struct ArchiveEntry {
  std::string name;
  ArchiveType type = ArchiveType::f32;
  std::vector<std::int64_t> shape;
  [[nodiscard]] std::int64_t count() const;  // product of the shape; 1 for a scalar
};

class Archive {
 public:
  Archive() = default;
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;
  virtual ~Archive() = default;

  [[nodiscard]] virtual std::string container() const = 0;  // "safetensors"
  [[nodiscard]] virtual const std::vector<ArchiveEntry>& entries() const = 0;
  [[nodiscard]] virtual const std::map<std::string, std::string>& metadata() const = 0;
  /// The tensor's bytes, row-major, little-endian. Error bad_data when there is no such tensor.
  [[nodiscard]] virtual std::vector<std::uint8_t> read(const std::string& name) const = 0;

  [[nodiscard]] const ArchiveEntry* find(const std::string& name) const;
  /// The tensor converted to float (f64, f32, f16, bf16); Error bad_data for other types.
  [[nodiscard]] std::vector<float> read_floats(const std::string& name) const;
};

}  // namespace karyon
