// The rules that each data set of an HDF5 file keeps before libhdf5 may read its values.
// Invariant: a data set that passes has whole values in the file, and reading all that passed takes at most 256 MB,
// plus 64 MB for a chunk at work.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weights/hdf5.h"
#include "weights/hdf5_library.h"

namespace karyon {

/// One for a file: the limits hold for the sum of its data sets.
class Hdf5DatasetRules {
 public:
  /// Both outlive the object; `bytes` is the whole file.
  Hdf5DatasetRules(std::span<const std::uint8_t> bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  /// Error bad_data that names the file, the path and the rule.
  Hdf5Dataset check(hid_t dataset, const std::string& path);
  /// After all: error bad_data when two data sets, or two chunks, share bytes of the file.
  void check_overlaps();

 private:
  struct Extent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string path;
  };
  struct Filters {
    bool shuffle = false;
    bool deflate = false;
  };
  void check_contiguous(hid_t dataset, const std::string& path, const Hdf5Dataset& result);
  void check_compact(hid_t dataset, const std::string& path, const Hdf5Dataset& result) const;
  void check_chunks(hid_t dataset, hid_t properties, const std::string& path, const Hdf5Dataset& result);
  void check_chunk(hid_t dataset, const hsize_t* corner, std::uint64_t chunk_bytes, const Filters& filters,
                   const std::string& path, const Hdf5Dataset& result);
  [[nodiscard]] Filters filters_of(hid_t properties, const std::string& path) const;
  /// The bytes at [address, address + size), once they are known to lie in the file.
  std::span<const std::uint8_t> take_extent(haddr_t address, std::uint64_t size, const std::string& path);
  [[noreturn]] void fail(const std::string& path, const std::string& message) const;
  [[nodiscard]] std::string where(const std::string& path) const;

  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  std::vector<Extent> extents_;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace karyon
