// Numbers are put together byte by byte, so the host's byte order does not matter.
#include "apps/tensorboard/record.h"

#include <climits>
#include <fstream>
#include <system_error>

#include <isa-l/crc.h>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::size_t kLengthBytes = 8, kCrcBytes = 4;

std::string little_endian(std::uint64_t number, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i) & 0xffU);
  return text;
}

/// Reads `size` bytes; false when there are fewer.
bool read_exactly(std::istream& in, std::string& bytes, std::size_t size) {
  bytes.resize(size);
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  return static_cast<bool>(in);
}

/// Reads `size` bytes and the CRC behind them; false when something is missing or does not match.
bool read_checked(std::istream& in, std::string& bytes, std::size_t size) {
  std::string crc;
  return read_exactly(in, bytes, size) && read_exactly(in, crc, kCrcBytes) &&
         crc == little_endian(masked_crc32c(bytes), kCrcBytes);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  KARYON_CHECK(bytes.size() <= INT_MAX, "a record has fewer than 2^31 bytes");
  // The library takes a pointer to what it does not change, and leaves the inversions to its caller.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), 0xffffffffU);
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15U | crc << 17U) + 0xa282ead8U;
}

void append_record(std::string& file, std::string_view data) {
  const std::string length = little_endian(data.size(), kLengthBytes);
  file += length;
  file += little_endian(masked_crc32c(length), kCrcBytes);
  file += data;
  file += little_endian(masked_crc32c(data), kCrcBytes);
}

void for_each_record(const std::filesystem::path& file, const std::function<void(const std::string&)>& action) {
  std::error_code failed;
  const std::uint64_t file_size = std::filesystem::file_size(file, failed);
  if (failed) return;
  std::ifstream in(file, std::ios::binary);
  std::string head, data;
  while (read_checked(in, head, kLengthBytes)) {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
      length |= std::uint64_t{static_cast<unsigned char>(head[i])} << (8 * i);
    }
    // Before anything of that size is allocated.
    if (length > file_size || length > INT_MAX || !read_checked(in, data, length)) return;
    action(data);
  }
}

}  // namespace karyon
