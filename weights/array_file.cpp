#include "weights/array_file.h"

#include <limits>
#include <span>

#include "kernels/check.h"
#include "weights/safetensors_header.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

constexpr const char* kDigest = "sha256";
constexpr float kNoLimit = std::numeric_limits<float>::max();

std::span<const std::uint8_t> bytes_of(const NamedArray& array) {
  return {reinterpret_cast<const std::uint8_t*>(array.values.data()), array.values.size() * sizeof(float)};
}

}  // namespace

std::vector<std::uint8_t> encode_arrays(const ArrayFile& file) {
  std::map<std::string, std::string> metadata = file.metadata;
  std::vector<SafetensorsTensor> tensors;
  Sha256 sha;
  for (const NamedArray& array : file.arrays) {
    const std::string unfit = unfit_value(array, kNoLimit);
    if (!unfit.empty()) throw Error(Exit::diverged, "the checkpoint is not saved: " + unfit);
    tensors.push_back({array.name, ArchiveType::f32, array.shape, bytes_of(array)});
    sha.update(tensors.back().bytes);
  }
  metadata.emplace(kDigest, sha.hex());
  return encode_safetensors(tensors, metadata);
}

ArrayFile decode_arrays(const SafetensorsFile& file, const std::string& source) {
  ArrayFile result;
  result.metadata = file.metadata();
  const auto stored = result.metadata.find(kDigest);
  if (stored == result.metadata.end()) throw Error(Exit::bad_data, source + ": the file lacks the field sha256");
  const std::string actual = sha256_hex(file.tensor_bytes());
  if (stored->second != actual) {
    throw Error(Exit::bad_data, source + " is damaged: the SHA-256 of its tensors is " + actual + ", but " +
                                    printable(stored->second) + " was stored");
  }
  result.metadata.erase(stored);
  for (const ArchiveEntry& entry : file.entries()) {
    if (entry.type != ArchiveType::f32) {
      throw Error(Exit::bad_data, source + ": tensor " + printable(entry.name) + " has dtype " +
                                      std::string(dtype_name(entry.type)) + ", expected F32");
    }
    result.arrays.push_back({entry.name, entry.shape, file.read_floats(entry.name)});
    const std::string unfit = unfit_value(result.arrays.back(), kNoLimit);
    if (!unfit.empty()) throw Error(Exit::bad_data, source + ": " + unfit + "; expected finite weights");
  }
  return result;
}

}  // namespace karyon
