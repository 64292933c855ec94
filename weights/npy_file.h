// NumPy's .npy files of float32 (numpy.lib.format), which is how input and output pairs of networks travel.
// Invariant: read(encode(x)) == x to the last bit; nothing is allocated from a shape that the file's size does not bear
// out.
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

/// A file's bytes, of format version 1. The array has as many values as its shape says.
std::vector<std::uint8_t> encode_npy(const NpyArray& array);

}  // namespace karyon
