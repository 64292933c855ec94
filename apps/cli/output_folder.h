// Where a program writes: a folder of its own, new or empty.
// Invariant: what was there before is never touched without --exist-ok; two processes never share a folder that neither
// was told to use; a run that fails before its first result leaves nothing behind, no folder either.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace karyon {

class OutputFolder {
 public:
  /// `wanted` is the folder itself; when empty it is `base`/exp, exp2, ... the first that does not exist. Makes it,
  /// with its parents, and tries that files can be written there. Error cannot_create when it cannot be made or
  /// written, or is not empty and may not be.
  OutputFolder(const std::string& wanted, const std::filesystem::path& base, bool may_have_content);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Makes a folder in it, which goes again if it is still empty in the end. Error cannot_create.
  std::filesystem::path make_folder(const std::string& name);
  /// The path of a file that is about to be written and means nothing without results: unless keep() is called it is
  /// removed in the end, if it was not there before.
  std::filesystem::path preliminary(const std::string& name);
  /// There are results: what was written stays.
  void keep() { made_.files.clear(); }

 private:
  // A member of its own, so that a constructor that fails tidies up too.
  struct Made {
    std::vector<std::filesystem::path> folders, files;  // as they were made
    Made() = default;
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
    ~Made();
  };
  void make_all(const std::filesystem::path& folder);
  std::filesystem::path make_first_free(const std::filesystem::path& base);

  Made made_;
  std::filesystem::path path_;
};

/// Before any work, for a file that `flag` names outside such a folder: Error cannot_create where there is one already
/// and it may not be overwritten, or its folder is not there.
void check_new_file(const std::filesystem::path& path, const std::string& flag, bool may_exist);

}  // namespace karyon
