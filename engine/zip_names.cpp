#include "engine/zip_names.h"

#include <algorithm>
#include <string_view>

namespace karyon {
namespace {

using namespace std::string_view_literals;

/// The little-endian number of `bytes` bytes at `at`; 0 beyond the end.
std::uint64_t number(std::string_view text, std::size_t at, int bytes) {
  std::uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    const std::size_t from = at + static_cast<std::size_t>(i);
    value = value << 8U | (from < text.size() ? static_cast<unsigned char>(text[from]) : 0U);
  }
  return value;
}

/// The bytes of the central directory, empty when they are not to be found.
std::string central_directory(std::uint64_t archive_size, const ReadPart& read_part) {
  const std::uint64_t tail_size = std::min<std::uint64_t>(archive_size, 20 + 22 + 65535);  // the longest comment
  const std::string tail = read_part(archive_size - tail_size, tail_size);
  const std::size_t end = tail.rfind("PK\5\6"sv);
  if (end == std::string::npos) return {};
  std::uint64_t size = number(tail, end + 12, 4), begin = number(tail, end + 16, 4);
  if (end >= 20 && std::string_view(tail).substr(end - 20, 4) == "PK\6\7"sv) {
    const std::uint64_t record = number(tail, end - 12, 8);
    if (record > archive_size) return {};
    const std::string zip64 = read_part(record, std::min<std::uint64_t>(56, archive_size - record));
    size = number(zip64, 40, 8);
    begin = number(zip64, 48, 8);
  }
  if (begin > archive_size || size > archive_size - begin) return {};
  return read_part(begin, size);
}

}  // namespace

std::vector<std::string> zip_names(std::uint64_t archive_size, const ReadPart& read_part) {
  const std::string directory = central_directory(archive_size, read_part);
  std::vector<std::string> names;
  constexpr std::size_t header = 46;
  std::size_t at = 0;
  while (at + header <= directory.size() && std::string_view(directory).substr(at, 4) == "PK\1\2"sv) {
    const std::size_t length = number(directory, at + 28, 2);
    names.emplace_back(std::string_view(directory).substr(std::min(at + header, directory.size()), length));
    at += header + length + number(directory, at + 30, 2) + number(directory, at + 32, 2);
  }
  return names;
}

}  // namespace karyon
