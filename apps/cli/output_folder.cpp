#include "apps/cli/output_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "kernels/check.h"

namespace karyon {

namespace fs = std::filesystem;

namespace {

constexpr mode_t kMode = 0777;  // less the umask

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw Error(Exit::cannot_create, "the output folder " + path.string() + " " + why);
}

[[noreturn]] void refuse_errno(const fs::path& path, const std::string& what, int code) {
  refuse(path, what + ": " + std::generic_category().message(code) + "; name another with --out");
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

void try_writing(const fs::path& folder) {
  std::string name = (folder / ".karyon-probe-XXXXXX").string();
  const int fd = mkstemp(name.data());
  if (fd < 0) refuse_errno(folder, "cannot be written", errno);
  close(fd);
  unlink(name.c_str());
}

}  // namespace

OutputFolder::Made::~Made() {
  std::error_code ignored;
  for (const fs::path& file : files) fs::remove(file, ignored);
  // rmdir removes only what is empty.
  std::reverse(folders.begin(), folders.end());
  for (const fs::path& folder : folders) rmdir(folder.c_str());
}

OutputFolder::OutputFolder(const std::string& wanted, const fs::path& base, bool may_have_content) : path_(wanted) {
  if (wanted.empty()) {
    path_ = make_first_free(base);
  } else if (is_folder(path_)) {
    std::error_code error;
    const bool empty = fs::is_empty(path_, error);
    if (error) refuse_errno(path_, "cannot be read", error.value());
    if (!empty && !may_have_content) refuse(path_, "is not empty; name another with --out, or allow it by --exist-ok");
  } else {
    make_all(path_);
  }
  try_writing(path_);
}

fs::path OutputFolder::make_folder(const std::string& name) {
  fs::path folder = path_ / name;
  make_all(folder);
  return folder;
}

fs::path OutputFolder::preliminary(const std::string& name) {
  fs::path file = path_ / name;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(file, error))) made_.files.push_back(file);
  return file;
}

void OutputFolder::make_all(const fs::path& folder) {
  fs::path at;
  for (const fs::path& part : folder) {
    at /= part;
    if (part.empty() || is_folder(at)) continue;  // the empty part is behind a last slash
    if (mkdir(at.c_str(), kMode) == 0) {
      made_.folders.push_back(at);
    } else if (const int code = errno; code == EEXIST && !is_folder(at)) {
      refuse(at, "is a file; name another with --out");
    } else if (code != EEXIST) {
      refuse_errno(at, "cannot be made", code);
    }
  }
}

fs::path OutputFolder::make_first_free(const fs::path& base) {
  constexpr int kPatience = 100;
  int vanished = 0;
  for (int k = 1;;) {
    make_all(base);
    fs::path path = base / (k == 1 ? "exp" : "exp" + std::to_string(k));
    // mkdir is atomic: of two processes that want the same name one gets it.
    if (mkdir(path.c_str(), kMode) == 0) {
      made_.folders.push_back(path);
      return path;
    }
    const int code = errno;
    if (code == EEXIST) {
      ++k;
    } else if (code != ENOENT || ++vanished > kPatience) {  // ENOENT: a run that failed took the empty base away
      refuse_errno(path, "cannot be made", code);
    }
  }
}

void check_new_file(const fs::path& path, const std::string& flag, bool may_exist) {
  std::error_code error;
  if (fs::exists(path, error) && !may_exist) {
    throw Error(Exit::cannot_create, flag + " " + path.string() +
                                         " exists already; name another file, or let it be overwritten by --exist-ok");
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!is_folder(folder)) {
    throw Error(Exit::cannot_create, flag + " " + path.string() + ": there is no folder " + folder.string());
  }
}

}  // namespace karyon
