// Arrays of float (or, on CUDA, Bfloat16) on a device, shared by handle.
// Invariant: a Tensor is a handle; copies share the numbers. Every write through mutable access by an op that works in
// place must call mark_changed(), so that the tape notices when a saved tensor has moved under it. data() and view()
// are the device's: host code reads and writes numbers through from(), assign() and to_vector() alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/context.h"
#include "kernels/view.h"

namespace karyon {

using Shape = std::vector<int>;

/// "32x64x64x96".
std::string shape_text(const Shape& shape);
std::int64_t shape_size(const Shape& shape);

/// A block of device memory that is given back when its last owner goes.
class Buffer {
 public:
  Buffer(Context& context, std::size_t bytes) : memory_(context.memory()), data_(memory_.allocate(bytes, false)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { memory_.release(data_); }
  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  MemorySource& memory_;
  void* data_;
};

class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised numbers.
  static Tensor empty(Context& context, Shape shape, ElementType type = ElementType::f32);
  static Tensor zeros(Context& context, Shape shape);
  static Tensor from(Context& context, Shape shape, const std::vector<float>& values);
  /// Overwrites all numbers of a dense float tensor with those given, in order, and marks it changed.
  void assign(std::span<const float> values) const;
  void fill(float value) const;

  explicit operator bool() const { return storage_ != nullptr; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t size() const { return shape_size(shape_); }
  [[nodiscard]] bool dense() const { return pitch_ == (shape_.empty() ? 1 : shape_.back()); }
  [[nodiscard]] ElementType type() const { return type_; }
  /// T must be the tensor's own type.
  template <class T = float>
  [[nodiscard]] T* data() const {
    return static_cast<T*>(data_of(std::is_same_v<T, float> ? ElementType::f32 : ElementType::bf16)) + offset_;
  }
  /// NHWC view of a tensor of rank 4; one of lower rank gets ones in front. Empty for an empty tensor.
  template <class T = float>
  [[nodiscard]] View<T> view() const {
    if (storage_ == nullptr) return {};
    const auto [n, h, w, c] = four_sizes();
    return {data<T>(), n, h, w, c, static_cast<std::ptrdiff_t>(pitch_)};
  }

  /// `count` numbers from `begin` on, as a dense tensor of that shape (a parameter inside a flat block).
  [[nodiscard]] Tensor slice(std::int64_t begin, Shape shape) const;
  /// Channels [begin, begin + count) of every pixel, sharing the numbers.
  [[nodiscard]] Tensor channels(int begin, int count) const;

  /// Unique among all handles made by the functions above; copies of a handle keep it. The tape's key.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// The last change of the numbers, unique over all tensors and changes, never 0.
  [[nodiscard]] std::uint64_t stamp() const;
  void mark_changed() const;

  /// All numbers on the host, dense; waits for the device.
  [[nodiscard]] std::vector<float> to_vector() const;

 private:
  struct Storage;
  [[nodiscard]] void* data_of(ElementType type) const;
  [[nodiscard]] std::array<int, 4> four_sizes() const;
  std::shared_ptr<Storage> storage_;
  ElementType type_ = ElementType::f32;
  std::int64_t offset_ = 0;
  Shape shape_;
  std::int64_t pitch_ = 0;
  std::uint64_t id_ = 0;
};

}  // namespace karyon
