// Named float arrays in a safetensors file that carries the SHA-256 of their bytes: checkpoints and the state of a run.
// Invariant: decode(encode(x)) == x to the last bit; equal input gives equal bytes; nothing is believed before the
// digest was verified.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "weights/named_array.h"
#include "weights/safetensors.h"

namespace karyon {

struct ArrayFile {
  std::map<std::string, std::string> metadata;  // without the digest
  std::vector<NamedArray> arrays;
};

/// Error diverged when a value is not finite.
std::vector<std::uint8_t> encode_arrays(const ArrayFile& file);

/// `source` names the file in messages. Error bad_data when it does not match the digest, holds another type than F32
/// or a value that is not finite.
ArrayFile decode_arrays(const SafetensorsFile& file, const std::string& source);

}  // namespace karyon
