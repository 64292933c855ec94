// Named float arrays in a safetensors file that carries the SHA-256 of their bytes: checkpoints and the state of a run.
// Invariant: decode(encode(x)) == x to the last bit; equal input gives equal bytes; nothing is believed before the
// digest was verified.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "weights/named_array.h"

namespace karyon {

struct ArrayFile {
  std::map<std::string, std::string> metadata;  // without the digest
  std::vector<NamedArray> arrays;
};

/// Error diverged when a value is not finite.
std::vector<std::uint8_t> encode_arrays(const ArrayFile& file);

/// `source` names the bytes in messages. Error bad_data when they are broken, do not match the digest, hold another
/// type than F32 or a value that is not finite.
ArrayFile decode_arrays(std::vector<std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
