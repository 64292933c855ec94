// A folder walked once. Invariant: symbolic links to folders are not followed, so the walk ends. Pipes, devices and
// broken links are listed like files, and refused by read_file when they are asked for.
#include <algorithm>
#include <system_error>

#include "apps/data/source.h"
#include "engine/files.h"
#include "kernels/check.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxEntries = 1'000'000;
constexpr int kMaxDepth = 64;

class FolderSource final : public Source {
 public:
  explicit FolderSource(const fs::path& path) : path_(path), root_(fs::absolute(path).lexically_normal()) {
    if (!root_.has_filename()) root_ = root_.parent_path();  // "a/b/" names the folder b
    walk();
  }
  [[nodiscard]] const Listing& listing() const override { return listing_; }
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& file) const override {
    try {
      return read_file(path_ / file, INT32_MAX);
    } catch (const Error& error) {
      if (error.code() != Exit::no_input) throw;
      throw Error(Exit::io,
                  describe(file) + " is listed in its folder but is not there: a broken link, or removed just now");
    }
  }
  [[nodiscard]] std::string describe(const std::string& file) const override { return (path_ / file).string(); }
  [[nodiscard]] fs::path root() const override { return root_; }

 private:
  void walk() {
    try {
      std::size_t entries = 0;
      for (fs::recursive_directory_iterator at(path_), end; at != end; ++at) {
        if (++entries > kMaxEntries) {
          throw Error(Exit::bad_data, path_.string() + " holds over a million files; name the folder that is meant");
        }
        if (at.depth() >= kMaxDepth) {
          throw Error(Exit::bad_data, at->path().string() + " lies over 64 folders deep");
        }
        add(*at);
      }
    } catch (const fs::filesystem_error& error) {
      throw Error(Exit::io, (error.path1().empty() ? path_ : error.path1()).string() + ": " + error.code().message());
    }
    std::sort(listing_.files.begin(), listing_.files.end());
    std::sort(listing_.folders.begin(), listing_.folders.end());
    std::sort(listing_.notes.begin(), listing_.notes.end());
  }

  void add(const fs::directory_entry& entry) {
    const std::string name = entry.path().lexically_relative(path_).generic_string();
    std::error_code error;
    const fs::file_status status = entry.status(error);
    if (!fs::is_directory(status)) {
      listing_.files.push_back(name);
    } else if (!entry.is_symlink()) {
      listing_.folders.push_back(name);
    } else {
      listing_.notes.push_back(entry.path().string() + " is a link to a folder, which is not followed");
    }
  }

  fs::path path_;
  fs::path root_;
  Listing listing_;
};

}  // namespace

std::unique_ptr<Source> open_folder(const fs::path& path) { return std::make_unique<FolderSource>(path); }

}  // namespace karyon
