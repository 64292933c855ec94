// Where a program writes: a folder of its own, new or empty.
// Invariant: what was there before is never touched without --exist-ok; a folder made for a run that failed before it
// wrote anything is taken away again.
#pragma once

#include <filesystem>
#include <string>

namespace karyon {

class OutputFolder {
 public:
  /// `wanted` is the folder itself; when empty it is `base`/exp, exp2, ... the first that does not exist. Makes it,
  /// with its parents, and tries that files can be written there. Error cannot_create when it cannot be made or
  /// written, or is not empty and may not be.
  OutputFolder(const std::string& wanted, const std::filesystem::path& base, bool may_have_content);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::filesystem::path highest_made_;  // empty when the folder was there
};

}  // namespace karyon
