// An archive whose tensors were all read into memory: what every container but safetensors becomes.
// Invariant: names are unique, and each tensor holds as many bytes as its type and shape ask for.
#pragma once

#include "weights/archive.h"

namespace karyon {

struct LoadedTensor {
  ArchiveEntry entry;
  std::vector<std::uint8_t> bytes;  // row-major, little-endian
};

class LoadedArchive final : public Archive {
 public:
  /// `source` names the file in messages. Error bad_data when a name appears twice.
  LoadedArchive(std::string container, std::string source, std::vector<LoadedTensor> tensors,
                std::map<std::string, std::string> metadata);

  [[nodiscard]] std::string container() const override { return container_; }
  [[nodiscard]] const std::vector<ArchiveEntry>& entries() const override { return entries_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const override { return metadata_; }
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& name) const override;

 private:
  std::string container_;
  std::string source_;
  std::vector<ArchiveEntry> entries_;
  std::vector<std::vector<std::uint8_t>> bytes_;  // one an entry
  std::map<std::string, std::string> metadata_;
};

}  // namespace karyon
