// Files for the parity programs, as tests make and spoil them.
// Invariant: only what a test changes differs from a file that the programs accept.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/files.h"
#include "weights/safetensors.h"

namespace karyon {

/// The reference results of other systems; may be absent.
inline std::filesystem::path shared_folder() {
  const char* variable = std::getenv("KARYON_SHARED");
  return variable != nullptr ? std::filesystem::path(variable) : std::filesystem::path(KARYON_SOURCE) / "../shared";
}

/// A safetensors file in memory.
struct ParityFile {
  struct Tensor {
    ArchiveType type = ArchiveType::f32;
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> bytes;
  };
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;

  static ParityFile read(const std::filesystem::path& path) {
    const SafetensorsFile file(path);
    ParityFile result;
    result.metadata = file.metadata();
    for (const ArchiveEntry& entry : file.entries()) {
      result.tensors[entry.name] = {entry.type, entry.shape, file.read(entry.name)};
    }
    return result;
  }
  void write(const std::filesystem::path& path) const {
    std::vector<SafetensorsTensor> list;
    for (const auto& [name, t] : tensors) list.push_back({name, t.type, t.shape, t.bytes});
    write_file(path, encode_safetensors(list, metadata));
  }
  void add(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    Tensor& tensor =
        tensors[name] = {ArchiveType::f32, shape, std::vector<std::uint8_t>(values.size() * sizeof(float))};
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  }
  /// Moves one value by 1% of its tensor's range.
  void move(const std::string& name, std::size_t index) {
    Tensor& tensor = tensors.at(name);
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    values[index] += 0.01F * (*high - *low);
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  }
};

}  // namespace karyon
