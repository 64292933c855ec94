#include "weights/open_archive.h"

#include "kernels/check.h"
#include "weights/safetensors.h"

namespace karyon {

namespace {

bool looks_like_safetensors(const std::vector<std::uint8_t>& bytes, const std::string& source) {
  return (bytes.size() > 8 && bytes[8] == '{') || source.ends_with(".safetensors");
}

}  // namespace

std::unique_ptr<Archive> open_archive(std::vector<std::uint8_t> bytes, const std::string& source) {
  if (looks_like_safetensors(bytes, source)) return std::make_unique<SafetensorsFile>(std::move(bytes), source);
  throw Error(Exit::bad_data, source + ": no weight file that is known here (safetensors)");
}

}  // namespace karyon
