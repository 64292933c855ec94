#include "apps/data/source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string_view>

#include "engine/files.h"
#include "kernels/check.h"

namespace karyon {
namespace {

class FileSource final : public Source {
 public:
  explicit FileSource(const std::filesystem::path& path) : path_(std::filesystem::absolute(path)) {
    listing_.files = {path_.filename().string()};
    listing_.is_one_file = true;
  }
  [[nodiscard]] const Listing& listing() const override { return listing_; }
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& /*file*/) const override {
    return read_file(path_, INT32_MAX);
  }
  [[nodiscard]] std::string describe(const std::string& /*file*/) const override { return path_.string(); }
  [[nodiscard]] std::filesystem::path root() const override { return path_.parent_path(); }

 private:
  std::filesystem::path path_;
  Listing listing_;
};

bool is_zip(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".zip") return true;
  std::array<char, 4> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  const std::string_view text(magic.data(), magic.size());
  return text == "PK\3\4" || text == "PK\5\6";
}

}  // namespace

std::unique_ptr<Source> open_source(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  switch (status.type()) {
    case std::filesystem::file_type::directory:
      return open_folder(path);
    case std::filesystem::file_type::regular:
      if (is_zip(path)) return open_zip(path);
      return std::make_unique<FileSource>(path);
    case std::filesystem::file_type::not_found:
      throw Error(Exit::no_input, path.string() + ": no such file or folder");
    case std::filesystem::file_type::none:
      throw Error(error == std::errc::too_many_symbolic_link_levels ? Exit::bad_data : Exit::io,
                  path.string() + ": " + error.message());
    default:
      throw Error(Exit::bad_data, path.string() + " is no regular file, folder or zip");
  }
}

}  // namespace karyon
