#include "apps/training/imagenet_weights.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/wait.h>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

namespace fs = std::filesystem;

// The first file of weights/manifest.txt.
constexpr const char* kName = KARYON_IMAGENET_NAME;
constexpr const char* kSha256 = KARYON_IMAGENET_SHA256;

fs::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return fs::path(cache) / "karyon";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return fs::path(home) / ".cache" / "karyon";
  throw Error(Exit::no_input, "--encoder-weights imagenet: neither HOME nor XDG_CACHE_HOME says where its file lies");
}

/// weights/fetch as it was installed with this program, or of the tree that it was built in.
fs::path fetch_script() {
  std::error_code ignored;
  const fs::path above = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
  const fs::path installed = above / "share" / "karyon" / "weights" / "fetch";
  return fs::exists(installed, ignored) ? installed : above.parent_path() / "weights" / "fetch";
}

/// Runs the script; its last line says what went wrong.
void run_fetch(const fs::path& script) {
  if (!fs::exists(script)) {
    throw Error(Exit::no_input, "--fetch-weights: " + script.string() + " is not there; run Karyon's weights/fetch");
  }
  std::string quoted = "'";
  for (const char c : script.string()) quoted.append(c == '\'' ? "'\\''" : std::string(1, c));
  FILE* output = popen((quoted + "' 2>&1").c_str(), "r");  // NOLINT(cert-env33-c): the path is this program's own
  if (output == nullptr) throw Error(Exit::unexpected, "--fetch-weights: " + script.string() + " cannot be started");
  std::string last;
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), line.size(), output) != nullptr) last = line.data();
  const int status = pclose(output);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  while (last.ends_with('\n')) last.pop_back();
  const bool damaged = WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(Exit::bad_data);
  throw Error(damaged ? Exit::bad_data : Exit::no_input, "--encoder-weights imagenet: " + last);
}

}  // namespace

fs::path imagenet_weights(bool fetch, Log& log) {
  const fs::path path = cache_folder() / kName;
  if (!fs::exists(path)) {
    if (!fetch) {
      throw Error(Exit::no_input, "--encoder-weights imagenet: " + path.string() +
                                      " is not there; run weights/fetch, or add --fetch-weights");
    }
    log.note("encoder: fetching " + std::string(kName));
    run_fetch(fetch_script());
  }
  if (sha256_hex(read_file(path)) != kSha256) {
    throw Error(Exit::bad_data, path.string() + " is not the file that was pinned (SHA-256 " + kSha256 +
                                    "); delete it and run weights/fetch");
  }
  return path;
}

}  // namespace karyon
