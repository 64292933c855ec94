#include "weights/pickle_bytes.h"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {
namespace {

constexpr std::size_t kLongestText = 4096;

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace

void PickleBytes::fail(const std::string& what) const {
  throw Error(Exit::bad_data, source_ + ": the pickle " + what + " (at byte " + std::to_string(at_) + ")");
}

std::span<const std::uint8_t> PickleBytes::take(std::uint64_t size) {
  if (size > bytes_.size() - at_) fail("ends within an opcode, or without STOP; is the file cut short?");
  at_ += size;
  return bytes_.subspan(at_ - size, size);
}

std::uint64_t PickleBytes::number(std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, take(size).data(), size);
  return value;
}

std::string PickleBytes::text(std::uint64_t size) {
  if (size > kLongestText) fail("has a text of " + std::to_string(size) + " bytes, expected at most 4096");
  const auto bytes = take(size);
  std::string result(bytes.begin(), bytes.end());
  if (!is_utf8(result)) fail("has the text " + printable(result) + ", which is not UTF-8");
  return result;
}

std::string PickleBytes::line() {
  const auto rest = bytes_.subspan(at_, std::min(kLongestText, bytes_.size() - at_));
  const auto end = std::ranges::find(rest, '\n');
  if (end == rest.end()) fail("has a name without an end");
  const auto bytes = take(static_cast<std::uint64_t>(end - rest.begin()) + 1);
  return {bytes.begin(), bytes.end() - 1};
}

}  // namespace karyon
