// The bytes of a pickle, taken from front to back: numbers, texts, lines.
// Invariant: a length is compared with the bytes that are left, and with the longest text, before it is used.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace karyon {

class PickleBytes {
 public:
  /// `source` begins every message; it outlives this.
  PickleBytes(std::span<const std::uint8_t> bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  /// Error bad_data: "`source`: the pickle `what` (at byte N)".
  [[noreturn]] void fail(const std::string& what) const;
  [[nodiscard]] std::size_t position() const { return at_; }

  // What these take they also step over. Error bad_data where there is less.
  std::span<const std::uint8_t> take(std::uint64_t size);
  /// Little-endian, unsigned, of 1 to 8 bytes.
  std::uint64_t number(std::size_t size);
  /// UTF-8 of at most 4 KB.
  std::string text(std::uint64_t size);
  /// Up to a newline, which is left out; at most 4 KB.
  std::string line();

 private:
  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  std::size_t at_ = 0;
};

}  // namespace karyon
