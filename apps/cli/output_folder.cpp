#include "apps/cli/output_folder.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "kernels/check.h"

namespace karyon {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw Error(Exit::cannot_create, path.string() + ": " + why);
}

fs::path first_free(const fs::path& base) {
  for (int k = 1;; ++k) {
    const fs::path path = base / (k == 1 ? "exp" : "exp" + std::to_string(k));
    std::error_code error;
    if (!fs::exists(fs::symlink_status(path, error))) return path;
  }
}

void try_writing(const fs::path& folder) {
  const std::string probe = (folder / ".karyon_probe_XXXXXX").string();
  std::string name = probe;
  const int fd = mkstemp(name.data());
  if (fd < 0) refuse(folder, std::string("cannot be written: ") + std::strerror(errno));
  close(fd);
  unlink(name.c_str());
}

}  // namespace

OutputFolder::OutputFolder(const std::string& wanted, const fs::path& base, bool may_have_content)
    : path_(wanted.empty() ? first_free(base) : fs::path(wanted)) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::exists(status) && !fs::is_directory(status)) refuse(path_, "is a file; name another folder with --out");
  if (fs::is_directory(status)) {
    const bool empty = fs::is_empty(path_, error);
    if (error) refuse(path_, error.message());
    if (!empty && !may_have_content) {
      refuse(path_, "is not empty; name another folder with --out, or allow it with --exist-ok");
    }
  } else {
    for (fs::path p = path_.lexically_normal(); !p.empty() && !fs::exists(p, error); p = p.parent_path()) {
      highest_made_ = p;
      if (p == p.parent_path()) break;
    }
    fs::create_directories(path_, error);
    if (error) refuse(path_, "cannot be made: " + error.message());
  }
  try {
    try_writing(path_);
  } catch (...) {
    if (!highest_made_.empty()) fs::remove_all(highest_made_, error);
    throw;
  }
}

OutputFolder::~OutputFolder() {
  // rmdir removes only what is still empty, from the folder up to the highest one made.
  if (highest_made_.empty()) return;
  fs::path p = path_.lexically_normal();
  if (!p.has_filename()) p = p.parent_path();
  for (fs::path highest = highest_made_;; p = p.parent_path()) {
    if (rmdir(p.c_str()) != 0 || p == highest || p == p.parent_path()) return;
  }
}

}  // namespace karyon
