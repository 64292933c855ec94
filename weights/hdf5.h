// HDF5 files, as far as weights need them: groups, data sets of floating point, attributes of text.
// Invariant: before anything is read from a data set, the whole file has been walked and kept every rule: hard links
// only, each object under one name, at most 20,000 objects and 16 levels; a data set has its values in the file itself
// (contiguous, chunked or compact; no filter but shuffle and deflate), at most 4 axes, 2^26 elements, and places in the
// file that no other data set shares. Memory stays below 1 GB whatever the file says. libhdf5 does the reading, from a
// copy in memory; no plug-in and no other file is ever opened. Source: HDF5 File Format Specification, version 3.0.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "weights/archive.h"

namespace karyon {

class Hdf5Id;

/// In bytes; libhdf5 holds two copies while it opens a file.
inline constexpr std::size_t kLargestHdf5File = std::size_t{192} << 20;

struct Hdf5Dataset {
  std::vector<std::int64_t> shape;  // empty for a scalar
  /// f32 or f64, little-endian. None for any other type, such as an optimizer's step counter: it keeps the rules above
  /// too, but cannot be read.
  std::optional<ArchiveType> type;
};

/// Not for use by several threads at once: libhdf5 has one state for the whole process.
class Hdf5File {
 public:
  /// `bytes`, the whole file, must outlive the object; `source` names it in messages. Error bad_data with the rule that
  /// is broken and the object's path.
  Hdf5File(std::span<const std::uint8_t> bytes, std::string source);
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  /// By path from the root, without a slash in front.
  [[nodiscard]] const std::map<std::string, Hdf5Dataset>& datasets() const { return datasets_; }
  /// The paths of the groups; the root's is "".
  [[nodiscard]] const std::set<std::string>& groups() const { return groups_; }
  /// The values, row-major, little-endian. Error bad_data when there is no such data set or its type is not read.
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& path) const;
  /// The texts in an attribute of a group: one for a scalar, else the list. None when the group has no such attribute.
  /// Error bad_data when it holds anything but text, or more than 64 KB.
  [[nodiscard]] std::optional<std::vector<std::string>> strings(const std::string& group,
                                                                const std::string& attribute) const;

 private:
  void walk();

  std::span<const std::uint8_t> bytes_;
  std::string source_;
  std::unique_ptr<Hdf5Id> file_;
  std::map<std::string, Hdf5Dataset> datasets_;
  std::set<std::string> groups_;
};

}  // namespace karyon
