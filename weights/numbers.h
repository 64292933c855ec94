// Numbers as text, the same in every locale.
// Invariant: parse_number(number_text(x)) == x to the last bit, for every finite x.
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace karyon {

/// The shortest text that reads back as the same number.
template <typename Number>
std::string number_text(Number value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

/// The whole text as one number; nullopt when there is anything else, or when it is out of the type's range.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

}  // namespace karyon
