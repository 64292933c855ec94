// The safetensors container: 8 bytes of header length, a JSON header, the tensors' bytes back to back.
// Invariant: a file that parses keeps every rule of the format (header at most 100 MB, no name twice, shapes, types and
// ranges agree, the ranges cover the data without hole or overlap); nothing is guessed or repaired. Types are those of
// ArchiveType; unsigned integers above 8 bits and 8-bit floats are refused by name.
#pragma once

#include <filesystem>
#include <span>
#include <utility>

#include "weights/archive.h"

namespace karyon {

class SafetensorsFile final : public Archive {
 public:
  /// Takes the whole file's bytes; `source` names it in messages. Error bad_data with the rule that is broken.
  SafetensorsFile(std::vector<std::uint8_t> bytes, std::string source);
  /// Reads the file once into memory. Errors of read_file, and bad_data as above.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] std::string container() const override { return "safetensors"; }
  /// In the order in which the tensors lie in the file.
  [[nodiscard]] const std::vector<ArchiveEntry>& entries() const override { return entries_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const override { return metadata_; }
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& name) const override;
  /// The bytes of all tensors, everything behind the header.
  [[nodiscard]] std::span<const std::uint8_t> tensor_bytes() const;

 private:
  std::string source_;
  std::vector<std::uint8_t> bytes_;
  std::size_t data_start_ = 0;
  std::vector<ArchiveEntry> entries_;
  std::vector<std::pair<std::size_t, std::size_t>> ranges_;  // [begin, end) behind the header, one an entry
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written; `bytes` are row-major, little-endian, and as many as type and shape ask for.
struct SafetensorsTensor {
  std::string name;
  ArchiveType type = ArchiveType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::uint8_t> bytes;
};

/// The file's bytes: the metadata sorted by key, the tensors in the order given, the header padded with spaces to a
/// multiple of 8. Equal input gives equal bytes. Names are unique and UTF-8 (checked as Karyon's own duty).
/// encode_safetensors_header gives what comes before the tensors' bytes.
std::vector<std::uint8_t> encode_safetensors_header(std::span<const SafetensorsTensor> tensors,
                                                    const std::map<std::string, std::string>& metadata);
std::vector<std::uint8_t> encode_safetensors(std::span<const SafetensorsTensor> tensors,
                                             const std::map<std::string, std::string>& metadata);

}  // namespace karyon
