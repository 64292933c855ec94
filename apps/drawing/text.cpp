#include "apps/drawing/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace karyon {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// Bytes that a character with this first byte takes; 0 when none begins so.
std::size_t length_of(std::uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

/// The number of the character that fills `bytes`; -1 when they are no well-formed one.
std::int32_t code_point(std::string_view bytes) {
  constexpr std::int32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if (bytes.size() == 1) return first;
  std::int32_t code = first & (0x7F >> bytes.size());
  for (const char c : bytes.substr(1)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if ((byte & 0xC0) != 0x80) return -1;
    code = code << 6 | (byte & 0x3F);
  }
  return code < kLeast[bytes.size()] || code > 0x10FFFF ? -1 : code;
}

bool is_drawable(std::int32_t code) {
  const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return !control && !surrogate && code != 0xFFFE && code != 0xFFFF;
}

}  // namespace

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = length_of(static_cast<std::uint8_t>(text[at]));
    const bool whole = length > 0 && at + length <= text.size();
    const bool good = whole && is_drawable(code_point(text.substr(at, length)));
    characters.emplace_back(good ? text.substr(at, length) : kReplacement);
    // A character that is well-formed but not drawable is replaced once, a broken one byte by byte.
    at += whole && code_point(text.substr(at, length)) >= 0 ? length : 1;
  }
  return characters;
}

std::string clean_text(std::string_view text) {
  std::string clean;
  for (const std::string& character : characters_of(text)) clean += character;
  return clean;
}

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace karyon
