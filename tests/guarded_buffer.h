// Memory that notices what it should not have seen.
// Invariant: every element outside the view (in front, behind, in the gaps of the pitch) holds a canary that intact()
// compares bit by bit. A float canary is a NaN, so that reading one shows in the result as well. For a CUDA device the
// words lie there while a kernel runs, guards and all, and are compared on the host.
#pragma once

#include <algorithm>
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

#include "engine/memory.h"
#include "kernels/copy.h"
#include "kernels/stream.h"
#include "tests/bfloat16.h"

namespace karyon::testing {

template <class T>
T canary() {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(std::uint32_t{0x7fc0cafe});
  } else if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<double>(std::uint64_t{0x7ff8cafecafecafe});
  } else if constexpr (std::is_same_v<T, Bfloat16>) {
    return {0x7fc3};
  } else {
    return static_cast<T>(0x5ac3a5c3);
  }
}

/// What outputs hold before the kernel runs: for floats a NaN other than the canary.
template <class T>
T poison() {
  if constexpr (std::is_floating_point_v<T>) {
    return std::numeric_limits<T>::quiet_NaN();
  } else if constexpr (std::is_same_v<T, Bfloat16>) {
    return {0x7ff1};
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
    aligned_ = (64 - address % 64) % 64 / sizeof(T);
    first_ = aligned_ + guard_ + static_cast<std::size_t>(begin);
  }

  /// The view's first element, on the device if the words were sent there.
  T* data() { return device_ == nullptr ? words_.data() + first_ : device_ + (first_ - aligned_); }
  void to_device(const Stream& stream) {
    if (device_ == nullptr) device_ = static_cast<T*>(stream.memory().allocate(device_bytes(), true));
    upload(stream, device_, words_.data() + aligned_, device_bytes());
  }
  void from_device(const Stream& stream) { download(stream, words_.data() + aligned_, device_, device_bytes()); }
  [[nodiscard]] int pitch() const { return pitch_; }

  /// Writes dense values into the view.
  void fill(std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<T, Bfloat16>) {
        words_[position(i)] = to_bfloat16(static_cast<float>(values[i]));
      } else {
        words_[position(i)] = static_cast<T>(values[i]);
      }
    }
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
  [[nodiscard]] std::size_t device_bytes() const { return (words_.size() - aligned_) * sizeof(T); }
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(pixels_ * channels_); }
  [[nodiscard]] std::size_t position(std::size_t i) const {
    const auto channels = static_cast<std::size_t>(channels_);
    return first_ + i / channels * static_cast<std::size_t>(pitch_) + i % channels;
  }

  std::int64_t pixels_;
  int channels_, begin_, pitch_;
  std::size_t guard_ = 0, aligned_ = 0, first_ = 0;
  T* device_ = nullptr;  // belongs to the stream's memory
  std::vector<T> words_;
};

/// Memory for a Stream: filled with NaN bits when handed out, with a canary behind each block. A CUDA device's comes
/// from the device.
class GuardedMemory final : public MemorySource {
 public:
  explicit GuardedMemory(Device device = {}) : source_(device), access_(device, 1, source_) {}
  ~GuardedMemory() override {
    for (const auto& [block, bytes] : blocks_) source_.release(block);
  }

  void* allocate(std::size_t bytes, bool permanent) override {
    void* block = source_.allocate(bytes + kGuard, permanent);
    std::vector<unsigned char> content(bytes + kGuard, 0xff);
    std::fill(content.begin() + static_cast<std::ptrdiff_t>(bytes), content.end(), kCanary);
    upload(access_, block, content.data(), content.size());
    blocks_.emplace(block, bytes);
    return block;
  }
  void release(void* block) noexcept override {
    const auto entry = blocks_.find(block);
    if (entry == blocks_.end()) return;
    overrun_ = overrun_ || !whole(entry->first, entry->second);
    source_.release(block);
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
  bool whole(const void* block, std::size_t bytes) const {
    std::array<unsigned char, kGuard> behind{};
    download(access_, behind.data(), static_cast<const unsigned char*>(block) + bytes, kGuard);
    return std::all_of(behind.begin(), behind.end(), [](unsigned char byte) { return byte == kCanary; });
  }

  Allocator source_;
  Stream access_;
  std::unordered_map<void*, std::size_t> blocks_;
  bool overrun_ = false;
};

}  // namespace karyon::testing
