// Memory that notices what it should not have seen.
// Invariant: every element outside the view (in front, behind, in the gaps of the pitch) holds a canary that intact()
// compares bit by bit. A float canary is a NaN, so that reading one shows in the result as well.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "kernels/stream.h"

namespace karyon::testing {

template <class T>
T canary() {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(std::uint32_t{0x7fc0cafe});
  } else if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<double>(std::uint64_t{0x7ff8cafecafecafe});
  } else {
    return static_cast<T>(0x5ac3a5c3);
  }
}

/// What outputs hold before the kernel runs: for floats a NaN other than the canary.
template <class T>
T poison() {
  if constexpr (std::is_floating_point_v<T>) {
    return std::numeric_limits<T>::quiet_NaN();
  } else {
    return static_cast<T>(0x77777777);
  }
}

/// `pixels` times `channels` elements: channels [begin, begin + channels) of pixels that are `pitch` elements wide.
template <class T>
class GuardedBuffer {
 public:
  GuardedBuffer(std::int64_t pixels, int channels, int begin, int pitch)
      : pixels_(pixels), channels_(channels), begin_(begin), pitch_(pitch) {
    guard_ = (static_cast<std::size_t>(pitch) * 8 + 127) / 64 * 64;
    words_.assign(guard_ + static_cast<std::size_t>(pixels * pitch) + guard_ + 64, canary<T>());
    const auto address = reinterpret_cast<std::uintptr_t>(words_.data());  // the slice's base, aligned as a tensor's
    first_ = (64 - address % 64) % 64 / sizeof(T) + guard_ + static_cast<std::size_t>(begin);
  }

  T* data() { return words_.data() + first_; }
  [[nodiscard]] int pitch() const { return pitch_; }

  /// Writes dense values into the view.
  void fill(std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i) words_[position(i)] = static_cast<T>(values[i]);
  }
  void fill_poison() {
    for (std::size_t i = 0; i < count(); ++i) words_[position(i)] = poison<T>();
  }

  /// The view's elements, dense.
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> dense(count());
    for (std::size_t i = 0; i < dense.size(); ++i) dense[i] = words_[position(i)];
    return dense;
  }

  [[nodiscard]] bool intact() const {
    std::vector<bool> inside(words_.size(), false);
    for (std::size_t i = 0; i < count(); ++i) inside[position(i)] = true;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (!inside[i] && bits(words_[i]) != bits(canary<T>())) return false;
    }
    return true;
  }

 private:
  static std::array<std::byte, sizeof(T)> bits(T word) { return std::bit_cast<std::array<std::byte, sizeof(T)>>(word); }
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(pixels_ * channels_); }
  [[nodiscard]] std::size_t position(std::size_t i) const {
    const auto channels = static_cast<std::size_t>(channels_);
    return first_ + i / channels * static_cast<std::size_t>(pitch_) + i % channels;
  }

  std::int64_t pixels_;
  int channels_, begin_, pitch_;
  std::size_t guard_ = 0, first_ = 0;
  std::vector<T> words_;
};

/// Scratch memory for a Stream: filled with NaN bits when handed out, with a canary behind each block.
class GuardedMemory final : public MemorySource {
 public:
  GuardedMemory() = default;
  ~GuardedMemory() override {
    for (const auto& [block, bytes] : blocks_) ::operator delete (block, std::align_val_t{kGuard});
  }

  void* allocate(std::size_t bytes, bool /*permanent*/) override {
    auto* block = static_cast<unsigned char*>(::operator new (bytes + kGuard, std::align_val_t{kGuard}));
    std::memset(block, 0xff, bytes);
    std::memset(block + bytes, kCanary, kGuard);
    blocks_.emplace(block, bytes);
    return block;
  }
  void release(void* block) noexcept override {
    const auto entry = blocks_.find(block);
    if (entry == blocks_.end()) return;
    overrun_ = overrun_ || !whole(entry->first, entry->second);
    ::operator delete (block, std::align_val_t{kGuard});
    blocks_.erase(entry);
  }

  [[nodiscard]] bool intact() const {
    bool good = !overrun_;
    for (const auto& [block, bytes] : blocks_) good = good && whole(block, bytes);
    return good;
  }

 private:
  static constexpr std::size_t kGuard = 256;
  static constexpr unsigned char kCanary = 0xc3;
  static bool whole(const void* block, std::size_t bytes) {
    const auto* behind = static_cast<const unsigned char*>(block) + bytes;
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (behind[i] != kCanary) return false;
    }
    return true;
  }

  std::unordered_map<void*, std::size_t> blocks_;
  bool overrun_ = false;
};

}  // namespace karyon::testing
