// A zip as a source of pictures. Invariant: what ZipFile promises holds; folders are those that stand in the archive.
#include <algorithm>

#include "apps/data/source.h"
#include "engine/zip_file.h"
#include "kernels/check.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

/// The path itself, unless the file is empty.
const fs::path& not_empty(const fs::path& path) {
  if (fs::file_size(path) == 0) throw Error(Exit::no_input, path.string() + " is empty");
  return path;
}

class ZipSource final : public Source {
 public:
  explicit ZipSource(const fs::path& path)
      : path_(path), root_(fs::absolute(path).replace_extension()), zip_(not_empty(path)) {
    if (zip_.entries().empty()) throw Error(Exit::no_input, path.string() + " is a zip without entries");
    for (const ZipFile::Entry& entry : zip_.entries()) {
      if (entry.name.ends_with('/')) {
        listing_.folders.push_back(entry.name.substr(0, entry.name.size() - 1));
      } else {
        listing_.files.push_back(entry.name);
      }
    }
    std::sort(listing_.files.begin(), listing_.files.end());
    std::sort(listing_.folders.begin(), listing_.folders.end());
  }
  [[nodiscard]] const Listing& listing() const override { return listing_; }
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& file) const override { return zip_.read(file); }
  [[nodiscard]] std::string describe(const std::string& file) const override { return path_.string() + ": " + file; }
  [[nodiscard]] fs::path root() const override { return root_; }

 private:
  fs::path path_;
  fs::path root_;
  ZipFile zip_;
  Listing listing_;
};

}  // namespace

std::unique_ptr<Source> open_zip(const fs::path& path) { return std::make_unique<ZipSource>(path); }

}  // namespace karyon
