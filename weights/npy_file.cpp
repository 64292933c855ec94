#include "weights/npy_file.h"

#include <cstring>
#include <regex>
#include <string>

#include "engine/files.h"
#include "kernels/check.h"

namespace karyon {

NpyArray read_npy(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  const auto refuse = [&path](const std::string& why) {
    throw Error(Exit::bad_data, path.string() + ": " + why + ", expected a .npy file of float32");
  };
  const std::string text(bytes.begin(),
                         bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(bytes.size(), 1024)));
  if (!text.starts_with("\x93NUMPY") || text.size() < 12) refuse("no NumPy file");
  const std::size_t length_bytes = text[6] == 1 ? 2 : 4;
  std::uint32_t length = 0;
  std::memcpy(&length, text.data() + 8, length_bytes);
  const std::size_t begin = 8 + length_bytes + length;
  if (begin > text.size()) refuse("the header is cut short or too long");
  const std::string header = text.substr(8 + length_bytes, length);
  std::smatch shape;
  if (!std::regex_search(header, std::regex("'descr': *'<f4'")) ||
      !std::regex_search(header, std::regex("'fortran_order': *False")) ||
      !std::regex_search(header, shape, std::regex(R"('shape': *\(([0-9, ]*)\))"))) {
    refuse("the header is " + header);
  }
  NpyArray array;
  std::size_t count = 1;
  const std::string extents = shape[1];
  const std::regex number("[0-9]{1,9}");
  for (std::sregex_iterator at(extents.begin(), extents.end(), number), none; at != none; ++at) {
    array.shape.push_back(std::stoll(at->str()));
    if (__builtin_mul_overflow(count, static_cast<std::size_t>(array.shape.back()), &count)) refuse("overflow");
  }
  if (count != (bytes.size() - begin) / sizeof(float) || (bytes.size() - begin) % sizeof(float) != 0) {
    refuse("the shape (" + extents + ") does not fit " + std::to_string(bytes.size() - begin) + " bytes of data");
  }
  array.values.resize(count);
  std::memcpy(array.values.data(), bytes.data() + begin, count * sizeof(float));
  return array;
}

std::vector<std::uint8_t> encode_npy(const NpyArray& array) {
  constexpr std::size_t preamble = 10, alignment = 64;
  std::string shape;
  for (const std::int64_t extent : array.shape) shape += std::to_string(extent) + ",";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((preamble + header.size() + alignment) / alignment * alignment - preamble - 1, ' ');
  header += '\n';
  const std::string start = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 255U) +
                            static_cast<char>(header.size() >> 8) + header;
  std::vector<std::uint8_t> bytes(start.begin(), start.end());
  bytes.resize(start.size() + array.values.size() * sizeof(float));
  std::memcpy(bytes.data() + start.size(), array.values.data(), array.values.size() * sizeof(float));
  return bytes;
}

}  // namespace karyon
