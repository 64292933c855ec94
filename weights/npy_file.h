// NumPy's .npy files of float32, which is how public input and output pairs of networks come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace karyon {

struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // row-major
};

/// Format versions 1 to 3 (numpy.lib.format), little-endian float32 in C order. Errors of read_file; bad_data for any
/// other content.
NpyArray read_npy(const std::filesystem::path& path);

}  // namespace karyon
