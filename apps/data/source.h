// Where pictures lie: a folder, a .zip read in place, or one plain file, behind one interface.
// Invariant: only regular files are ever read, the listing is bounded and sorted, and it does not depend on the order
// in which the file system or the archive names things. A zip is believed only after its directory was checked as a
// whole: no absolute or upward names, none twice, no NUL, no symbolic links, no encryption, no bombs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace karyon {

/// Names are relative to the source, with '/' between folders, byte for byte as stored.
struct Listing {
  std::vector<std::string> files;    // sorted
  std::vector<std::string> folders;  // sorted; those that hold files, and empty ones where they can be seen
  std::vector<std::string> notes;    // what was passed over, for the user to read
  bool is_one_file = false;          // named by the user, so meant as a picture whatever its name
};

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  [[nodiscard]] virtual const Listing& listing() const = 0;
  /// The bytes of one listed file. May be called from many threads. Error bad_data when it is broken or over 2 GB, io
  /// when it cannot be read or is gone since the listing.
  [[nodiscard]] virtual std::vector<std::uint8_t> read(const std::string& file) const = 0;
  /// What messages call a file of this source.
  [[nodiscard]] virtual std::string describe(const std::string& file) const = 0;
  /// Absolute; the folder that all names stand under, which is the archive's path without its extension for a zip.
  [[nodiscard]] virtual std::filesystem::path root() const = 0;
};

/// Error no_input when nothing is there or a zip is empty; bad_data when it is no regular file or folder, or a broken
/// or refused zip. A regular file that is no zip becomes a source of that one file.
std::unique_ptr<Source> open_source(const std::filesystem::path& path);

/// The two kinds, for open_source.
std::unique_ptr<Source> open_folder(const std::filesystem::path& path);
std::unique_ptr<Source> open_zip(const std::filesystem::path& path);

}  // namespace karyon
