// A zip read in place by libzip, from its central directory alone. Invariant: no entry is read before all of them were
// checked, and an entry's bytes come back only when their CRC fits.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <sys/stat.h>
#include <zip.h>

#include "apps/data/source.h"
#include "apps/data/zip_names.h"
#include "kernels/check.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

constexpr zip_int64_t kMaxEntries = 1'000'000;
constexpr std::uint64_t kMaxTotal = std::uint64_t{2} << 30;  // declared, unless four times the archive is more
constexpr std::uint64_t kSmallEntry = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxRatio = 100;  // of an entry that is not small; pictures hardly shrink twice

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct Close {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

std::string open_error(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

class ZipSource final : public Source {
 public:
  explicit ZipSource(const fs::path& path) : path_(path), root_(fs::absolute(path).replace_extension()) {
    const std::uint64_t size = fs::file_size(path);
    if (size == 0) throw Error(Exit::no_input, path.string() + " is empty");
    int code = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (!archive_) throw Error(Exit::bad_data, path.string() + " is no zip that can be read: " + open_error(code));
    read_directory(size);
  }
  [[nodiscard]] const Listing& listing() const override { return listing_; }

  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& file) const override {
    const auto found = entries_.find(file);
    KARYON_CHECK(found != entries_.end(), "a listed file");
    const auto [index, size] = found->second;
    if (size > INT32_MAX) throw Error(Exit::bad_data, describe(file) + " is larger than 2 GB");
    const std::lock_guard lock(mutex_);  // a zip_t has one file position
    const std::unique_ptr<zip_file_t, Close> stream(zip_fopen_index(archive_.get(), index, 0));
    if (!stream) throw Error(Exit::bad_data, describe(file) + ": " + zip_strerror(archive_.get()));
    // One byte more than declared, so that the end is reached, where libzip checks the CRC.
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size) + 1);
    std::size_t have = 0;
    while (have < bytes.size()) {
      const zip_int64_t got = zip_fread(stream.get(), bytes.data() + have, bytes.size() - have);
      if (got < 0) throw Error(Exit::bad_data, describe(file) + ": " + zip_file_strerror(stream.get()));
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    if (have != size) {
      throw Error(Exit::bad_data, describe(file) + " is not as long as the zip's directory says");
    }
    bytes.pop_back();
    return bytes;
  }

  [[nodiscard]] std::string describe(const std::string& file) const override { return path_.string() + ": " + file; }
  [[nodiscard]] fs::path root() const override { return root_; }

 private:
  [[noreturn]] void refuse(const std::string& entry, const std::string& why) const {
    throw Error(Exit::bad_data, describe(entry) + " " + why + "; the zip is refused");
  }

  void read_directory(std::uint64_t archive_size) {
    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    if (count == 0) throw Error(Exit::no_input, path_.string() + " is a zip without entries");
    if (count > kMaxEntries) throw Error(Exit::bad_data, path_.string() + " has over a million entries");
    if (zip_has_nul_in_a_name(path_)) throw Error(Exit::bad_data, path_.string() + " has a NUL in an entry's name");
    std::uint64_t total = 0, stored = 0;
    std::set<std::string> names;
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
      zip_stat_t entry;
      if (zip_stat_index(archive_.get(), i, ZIP_FL_ENC_RAW, &entry) != 0) {
        throw Error(Exit::bad_data, path_.string() + ": " + zip_strerror(archive_.get()));
      }
      const std::string name = entry.name;
      check_name(name);
      check_kind(name, i, entry);
      if (!names.insert(name.ends_with('/') ? name.substr(0, name.size() - 1) : name).second) {
        refuse(name, "stands in the archive twice");
      }
      total += entry.size;
      stored += entry.comp_size;
      if (total > std::max(kMaxTotal, 4 * archive_size) || total < entry.size) {
        refuse(name, "brings the declared contents over 2 GB and over four times the archive");
      }
      if (stored > archive_size || stored < entry.comp_size) refuse(name, "overlaps with other entries");
      if (name.ends_with('/')) {
        listing_.folders.push_back(name.substr(0, name.size() - 1));
      } else {
        listing_.files.push_back(name);
        entries_.emplace(name, std::pair(i, entry.size));
      }
    }
    std::sort(listing_.files.begin(), listing_.files.end());
    std::sort(listing_.folders.begin(), listing_.folders.end());
  }

  void check_name(const std::string& name) const {
    if (name.empty()) refuse("an entry", "has no name");
    if (name.front() == '/' || name.front() == '\\') refuse(name, "has an absolute name");
    for (std::size_t at = 0; at <= name.size();) {
      const std::size_t end = std::min(name.find('/', at), name.size());
      if (name.compare(at, end - at, "..") == 0) refuse(name, "points out of the archive");
      at = end + 1;
    }
  }

  void check_kind(const std::string& name, zip_uint64_t index, const zip_stat_t& entry) const {
    if (entry.encryption_method != ZIP_EM_NONE) refuse(name, "is encrypted");
    if (entry.comp_method != ZIP_CM_STORE && entry.comp_method != ZIP_CM_DEFLATE) {
      refuse(name, "is neither stored nor deflated");
    }
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    zip_file_get_external_attributes(archive_.get(), index, 0, &system, &attributes);
    const mode_t kind = (attributes >> 16U) & S_IFMT;
    if (system == ZIP_OPSYS_UNIX && S_ISLNK(kind)) refuse(name, "is a symbolic link");
    if (system == ZIP_OPSYS_UNIX && kind != 0 && !S_ISREG(kind) && !S_ISDIR(kind)) refuse(name, "is no regular file");
    if (entry.size > kSmallEntry && entry.size / kMaxRatio > entry.comp_size) {
      refuse(name, "unpacks to over a hundred times its size");
    }
  }

  fs::path path_;
  fs::path root_;
  Listing listing_;
  std::map<std::string, std::pair<zip_uint64_t, zip_uint64_t>> entries_;  // index and size
  mutable std::mutex mutex_;
  std::unique_ptr<zip_t, Discard> archive_;
};

}  // namespace

std::unique_ptr<Source> open_zip(const fs::path& path) { return std::make_unique<ZipSource>(path); }

}  // namespace karyon
