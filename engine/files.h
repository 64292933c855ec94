// Reading files whole and writing them whole.
// Invariant: a file the programs write appears under its name complete or not at all: temporary in the same folder
// (O_EXCL), fsync, rename, fsync of the folder (Pillai et al., OSDI 2014). On any failure the temporary is removed and
// what stood there before is untouched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace karyon {

/// Error no_input when it is not there, bad_data when it is no regular file or larger than max_bytes, io when reading
/// fails.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = UINT64_MAX);

/// Error cannot_create when the folder cannot be written, io when writing fails half-way.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
void write_file(const std::filesystem::path& path, std::string_view text);

/// A file written piece by piece, for what is too large to be held whole.
/// Invariant: it appears by commit() alone, as write_file's would; destroyed before that, it leaves nothing behind.
class FileWriter {
 public:
  /// Error cannot_create when the folder cannot be written or something other than a file has that name.
  explicit FileWriter(std::filesystem::path path);
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  /// Behind what was written so far. Error io.
  void write(std::span<const std::uint8_t> bytes);
  /// Once, behind the last write. Error io, or cannot_create when the name cannot be taken.
  void commit();

 private:
  struct Parts;
  std::filesystem::path path_;
  std::unique_ptr<Parts> parts_;
};

/// write_file, and what stood there before stays beside it as previous_of(path) until the new file was read back and is
/// what was written; then it goes. Error io when it is not: what stood there before is in its place again.
/// The file's bytes are the parts, one behind the other.
void write_file_verified(const std::filesystem::path& path, std::span<const std::span<const std::uint8_t>> parts);

/// FILE.prev
std::filesystem::path previous_of(const std::filesystem::path& path);

}  // namespace karyon
