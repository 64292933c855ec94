#include "apps/data/zip_names.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "kernels/check.h"

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

std::string read_part(std::ifstream& file, std::uint64_t begin, std::uint64_t size) {
  std::string part(size, '\0');
  file.seekg(static_cast<std::streamoff>(begin));
  file.read(part.data(), static_cast<std::streamsize>(size));
  part.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  file.clear();
  return part;
}

/// The bytes of the central directory (APPNOTE.TXT 4.3.12 to 4.3.16), empty when they are not to be found.
std::string central_directory(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::uint64_t file_size = std::filesystem::file_size(path);
  const std::uint64_t tail_size = std::min<std::uint64_t>(file_size, 20 + 22 + 65535);  // the longest comment
  const std::string tail = read_part(file, file_size - tail_size, tail_size);
  const std::size_t end = tail.rfind("PK\5\6"sv);
  if (end == std::string::npos) return {};
  std::uint64_t size = number(tail, end + 12, 4), begin = number(tail, end + 16, 4);
  if (end >= 20 && std::string_view(tail).substr(end - 20, 4) == "PK\6\7"sv) {
    const std::uint64_t record = number(tail, end - 12, 8);
    if (record > file_size) return {};
    const std::string zip64 = read_part(file, record, std::min<std::uint64_t>(56, file_size - record));
    size = number(zip64, 40, 8);
    begin = number(zip64, 48, 8);
  }
  if (begin > file_size || size > file_size - begin) return {};
  return read_part(file, begin, size);
}

}  // namespace

bool zip_has_nul_in_a_name(const std::filesystem::path& path) {
  const std::string directory = central_directory(path);
  constexpr std::size_t header = 46;
  std::size_t at = 0;
  while (at + header <= directory.size() && std::string_view(directory).substr(at, 4) == "PK\1\2"sv) {
    const std::size_t name = number(directory, at + 28, 2);
    if (std::string_view(directory).substr(at + header, name).find('\0') != std::string_view::npos) return true;
    at += header + name + number(directory, at + 30, 2) + number(directory, at + 32, 2);
  }
  if (at == 0) throw Error(Exit::bad_data, path.string() + ": the zip's directory is not where its end says");
  return false;
}

}  // namespace karyon
