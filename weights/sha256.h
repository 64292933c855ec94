// SHA-256 (FIPS 180-4) by OpenSSL, as lower-case hex.
// Invariant: the digest depends on the bytes alone, not on how they were split over calls of update().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace karyon {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::uint8_t> bytes);
  /// 64 characters. Ends the computation: no update() after it.
  [[nodiscard]] std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::uint8_t> bytes);

}  // namespace karyon
