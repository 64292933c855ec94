// A zip read by libzip, from its central directory alone: what data sets and weight files lie in.
// Invariant: no entry is read before the whole directory was checked (no absolute or upward names, none twice, no NUL,
// no symbolic links or devices, no encryption, nothing but stored and deflated, no bombs, no overlap), and an entry's
// bytes come back only when their CRC fits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

struct zip;         // libzip's zip_t
struct zip_source;  // libzip's zip_source_t

namespace karyon {

class ZipFile {
 public:
  struct Entry {
    std::string name;                // byte for byte as stored; ends in '/' for a folder
    std::uint64_t size = 0;          // unpacked
    std::uint64_t archive_size = 0;  // what it takes within the archive
    bool is_stored = false;          // not compressed
  };

  /// Reads in place, for archives larger than the memory. Error bad_data, which names the path and the entry, when a
  /// rule above is broken or there is no zip.
  explicit ZipFile(const std::filesystem::path& path);
  /// An archive in memory; `source` names it in messages. The same errors.
  ZipFile(std::vector<std::uint8_t> bytes, std::string source);
  ZipFile(const ZipFile&) = delete;
  ZipFile& operator=(const ZipFile&) = delete;
  ~ZipFile();

  /// In the order of the directory; none for an archive without entries.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const Entry* find(const std::string& name) const;
  /// The entry's bytes, unpacked. May be called from many threads. Error bad_data when there is no such entry, it is
  /// broken, or over 2 GB.
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& name) const;

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };

  void open(zip_source* archive);
  void read_directory(std::uint64_t archive_size);
  [[nodiscard]] std::string describe(const std::string& entry) const;
  [[noreturn]] void refuse(const std::string& entry, const std::string& why) const;
  void check_name(const std::string& name) const;
  void check_kind(const Entry& entry, std::uint64_t index) const;

  std::string source_;
  std::vector<std::uint8_t> bytes_;  // of an archive in memory
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> indices_;
  mutable std::mutex mutex_;  // a zip_t has one file position
  std::unique_ptr<zip, Discard> archive_;
};

}  // namespace karyon
