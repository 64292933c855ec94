// Invariant: a length or offset out of the file is compared with the file's size before it is used for anything else.
#include "weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;
constexpr std::uint64_t kLargestCount = std::uint64_t{1} << 53;

/// Bytes of a tensor; 0 elements are allowed. The product is taken from left to right as ArchiveEntry::count does, so
/// that it cannot overflow there either.
std::uint64_t checked_size(const ArchiveEntry& entry, const std::string& source) {
  std::uint64_t size = 1;
  for (const std::int64_t extent : entry.shape) {
    if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(extent), &size) || size > kLargestCount) {
      throw Error(Exit::bad_data, source + ": the shape of tensor " + printable(entry.name) +
                                      " has more than 2^53 elements (overflow)");
    }
  }
  return size * element_size(entry.type);
}

void check_range(const SafetensorsHeader::Tensor& tensor, std::uint64_t data_size, const std::string& source) {
  const std::string name = source + ": tensor " + printable(tensor.entry.name);
  const std::string range = "[" + std::to_string(tensor.begin) + ", " + std::to_string(tensor.end) + ")";
  if (tensor.begin > tensor.end) throw Error(Exit::bad_data, name + " ends before it begins: bytes " + range);
  if (tensor.end > data_size) {
    throw Error(Exit::bad_data, name + " lies at bytes " + range + ", beyond the end of the data (" +
                                    std::to_string(data_size) + " bytes); is the file cut short?");
  }
  const std::uint64_t size = checked_size(tensor.entry, source);
  if (tensor.end - tensor.begin != size) {
    throw Error(Exit::bad_data,
                name + " lies at bytes " + range + ", but its shape and dtype need " + std::to_string(size) + " bytes");
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : SafetensorsFile(read_file(path), path.string()) {}

SafetensorsFile::SafetensorsFile(std::vector<std::uint8_t> bytes, std::string source)
    : source_(std::move(source)), bytes_(std::move(bytes)) {
  const auto fail = [this](const std::string& message) { throw Error(Exit::bad_data, source_ + ": " + message); };
  if (bytes_.size() < kLengthBytes) {
    fail("too short for safetensors: " + std::to_string(bytes_.size()) + " bytes, expected 8 and a header");
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes_.data(), kLengthBytes);
  const std::uint64_t rest = bytes_.size() - kLengthBytes;
  if (length > kLargestHeader) {
    fail("not safetensors: a header of " + std::to_string(length) + " bytes, more than the 100 MB of the format");
  }
  if (length > rest) {
    fail("the header's " + std::to_string(length) + " bytes go beyond the end of the file; is it cut short?");
  }
  const std::string_view json(reinterpret_cast<const char*>(bytes_.data()) + kLengthBytes, length);
  if (!json.starts_with('{')) fail("the header does not begin with '{'; this is not safetensors");
  SafetensorsHeader header = parse_safetensors_header(json, source_);
  data_start_ = kLengthBytes + length;
  const std::uint64_t data_size = rest - length;

  for (const auto& tensor : header.tensors) check_range(tensor, data_size, source_);
  std::ranges::stable_sort(header.tensors, {}, [](const auto& tensor) { return std::pair(tensor.begin, tensor.end); });
  std::uint64_t end = 0;
  for (auto& tensor : header.tensors) {
    if (tensor.begin > end) {
      fail("a hole of " + std::to_string(tensor.begin - end) + " bytes before tensor " + printable(tensor.entry.name));
    }
    if (tensor.begin < end) fail("tensor " + printable(tensor.entry.name) + " overlaps the one before it");
    end = tensor.end;
    ranges_.emplace_back(tensor.begin, tensor.end);
    entries_.push_back(std::move(tensor.entry));
  }
  if (end != data_size) fail(std::to_string(data_size - end) + " trailing bytes that belong to no tensor");
  metadata_ = std::move(header.metadata);
}

std::span<const std::uint8_t> SafetensorsFile::tensor_bytes() const { return std::span(bytes_).subspan(data_start_); }

std::vector<std::uint8_t> SafetensorsFile::read(const std::string& name) const {
  const ArchiveEntry* entry = find(name);
  if (entry == nullptr) throw Error(Exit::bad_data, source_ + ": there is no tensor " + printable(name));
  const auto [begin, end] = ranges_[static_cast<std::size_t>(entry - entries_.data())];
  const auto bytes = tensor_bytes().subspan(begin, end - begin);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::uint8_t> encode_safetensors_header(std::span<const SafetensorsTensor> tensors,
                                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t data_size = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const ArchiveEntry entry{tensor.name, tensor.type, tensor.shape};
    KARYON_CHECK(tensor.name != "__metadata__" && !header.contains(tensor.name), "tensor names must be unique");
    KARYON_CHECK(tensor.bytes.size() == checked_size(entry, "safetensors"), "size of tensor " + tensor.name);
    header[tensor.name] = {{"dtype", dtype_name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {data_size, data_size + tensor.bytes.size()}}};
    data_size += tensor.bytes.size();
  }
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception& error) {  // thrown for text that is not UTF-8
    fail_check(__FILE__, __LINE__, "header.dump()", error.what());
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');

  const std::uint64_t length = json.size();
  KARYON_CHECK(length <= kLargestHeader, "the header exceeds 100 MB");
  std::vector<std::uint8_t> bytes(kLengthBytes + json.size());
  std::memcpy(bytes.data(), &length, kLengthBytes);
  std::copy(json.begin(), json.end(), bytes.begin() + kLengthBytes);
  return bytes;
}

std::vector<std::uint8_t> encode_safetensors(std::span<const SafetensorsTensor> tensors,
                                             const std::map<std::string, std::string>& metadata) {
  std::vector<std::uint8_t> file = encode_safetensors_header(tensors, metadata);
  std::size_t size = file.size();
  for (const SafetensorsTensor& tensor : tensors) size += tensor.bytes.size();
  file.reserve(size);
  for (const SafetensorsTensor& tensor : tensors) file.insert(file.end(), tensor.bytes.begin(), tensor.bytes.end());
  return file;
}

}  // namespace karyon
