#include "weights/array_file.h"

#include <cstring>
#include <limits>

#include "kernels/check.h"
#include "weights/half.h"
#include "weights/safetensors_header.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

constexpr const char* kDigest = "sha256";
constexpr float kNoLimit = std::numeric_limits<float>::max();

std::vector<std::uint8_t> half_bytes(const NamedArray& array) {
  const std::string unfit = unfit_value(array, kLargestHalf);
  if (!unfit.empty()) {
    throw Error(Exit::bad_data, "the model is not saved in 16 bits, which reach to 65504: " + unfit);
  }
  std::vector<std::uint8_t> bytes(array.values.size() * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    const std::uint16_t half = to_half(array.values[i]);
    std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
  }
  return bytes;
}

}  // namespace

ArrayParts::ArrayParts(const ArrayFile& file, Storage storage) {
  constexpr std::size_t kernel_rank = 4;
  std::map<std::string, std::string> metadata = file.metadata;
  Sha256 sha;
  for (const NamedArray& array : file.arrays) {
    const std::string unfit = unfit_value(array, kNoLimit);
    if (!unfit.empty()) throw Error(Exit::diverged, "the checkpoint is not saved: " + unfit);
    const bool is_half = storage == Storage::half && array.shape.size() == kernel_rank;
    std::span bytes(reinterpret_cast<const std::uint8_t*>(array.values.data()), array.values.size() * sizeof(float));
    if (is_half) bytes = halves_.emplace_back(half_bytes(array));
    tensors_.push_back({array.name, is_half ? ArchiveType::f16 : ArchiveType::f32, array.shape, bytes});
    sha.update(bytes);
  }
  metadata.emplace(kDigest, sha.hex());
  header_ = encode_safetensors_header(tensors_, metadata);
}

std::vector<std::span<const std::uint8_t>> ArrayParts::all() const {
  std::vector<std::span<const std::uint8_t>> parts{header_};
  for (const SafetensorsTensor& tensor : tensors_) parts.push_back(tensor.bytes);
  return parts;
}

std::vector<std::uint8_t> encode_arrays(const ArrayFile& file, Storage storage) {
  const ArrayParts parts(file, storage);
  std::size_t size = 0;
  for (const std::span<const std::uint8_t> part : parts.all()) size += part.size();
  std::vector<std::uint8_t> bytes;
  bytes.reserve(size);
  for (const std::span<const std::uint8_t> part : parts.all()) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
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
    if (entry.type != ArchiveType::f32 && entry.type != ArchiveType::f16) {
      throw Error(Exit::bad_data, source + ": tensor " + printable(entry.name) + " has dtype " +
                                      std::string(dtype_name(entry.type)) + ", expected F32 or F16");
    }
    result.arrays.push_back({entry.name, entry.shape, file.read_floats(entry.name)});
    const std::string unfit = unfit_value(result.arrays.back(), kNoLimit);
    if (!unfit.empty()) throw Error(Exit::bad_data, source + ": " + unfit + "; expected finite weights");
  }
  return result;
}

}  // namespace karyon
