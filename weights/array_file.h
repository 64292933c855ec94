// Named float arrays in a safetensors file that carries the SHA-256 of their bytes: checkpoints and the state of a run.
// Invariant: decode(encode(x)) == x to the last bit, or, where kernels are stored in 16 bits, to the nearest half;
// equal input gives equal bytes; nothing is believed before the digest was verified.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "weights/named_array.h"
#include "weights/safetensors.h"

namespace karyon {

struct ArrayFile {
  std::map<std::string, std::string> metadata;  // without the digest
  std::vector<NamedArray> arrays;
};

enum class Storage : std::uint8_t {
  full,  // everything as F32
  half,  // arrays of four dimensions, which are the kernels and nearly all of a network, as F16; the others as F32
};

/// The bytes of a file in parts that follow each other: the header, and the arrays' numbers where they lie, for which
/// the ArrayFile must live; halves are made here.
class ArrayParts {
 public:
  /// Errors as encode_arrays.
  explicit ArrayParts(const ArrayFile& file, Storage storage = Storage::full);
  [[nodiscard]] std::vector<std::span<const std::uint8_t>> all() const;

 private:
  std::vector<std::vector<std::uint8_t>> halves_;
  std::vector<SafetensorsTensor> tensors_;
  std::vector<std::uint8_t> header_;
};

/// Error diverged when a value is not finite; bad_data when one is too large for half precision.
std::vector<std::uint8_t> encode_arrays(const ArrayFile& file, Storage storage = Storage::full);

/// `source` names the file in messages. Error bad_data when it does not match the digest, holds another type than
/// F32 and F16 or a value that is not finite.
ArrayFile decode_arrays(const SafetensorsFile& file, const std::string& source);

}  // namespace karyon
