#include "engine/tensor.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kernels/cast.h"
#include "kernels/check.h"
#include "kernels/copy.h"
#include "kernels/fill.h"

namespace karyon {

namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

}  // namespace

struct Tensor::Storage {
  Storage(Context& owner, std::int64_t count, ElementType type)
      : context(owner),
        buffer(owner, static_cast<std::size_t>(count) * (type == ElementType::f32 ? sizeof(float) : sizeof(Bfloat16))),
        stamp(next_number()) {}
  Context& context;
  Buffer buffer;
  std::uint64_t stamp;
};

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const int d : shape) text += (text.empty() ? "" : "x") + std::to_string(d);
  return text.empty() ? "scalar" : text;
}

std::int64_t shape_size(const Shape& shape) {
  std::int64_t size = 1;
  for (const int d : shape) size *= d;
  return size;
}

Tensor Tensor::empty(Context& context, Shape shape, ElementType type) {
  Tensor t;
  std::int64_t size = shape_size(shape);
  if (shape.size() == 4 && shape[0] > 0) size = size / shape[0] * context.room_for(shape[0]);
  t.storage_ = std::make_shared<Storage>(context, size, type);
  t.type_ = type;
  t.pitch_ = shape.empty() ? 1 : shape.back();
  t.shape_ = std::move(shape);
  t.id_ = next_number();
  return t;
}

Tensor Tensor::zeros(Context& context, Shape shape) {
  Tensor t = empty(context, std::move(shape));
  clear(context.stream(), t.data(), static_cast<std::size_t>(t.size()) * sizeof(float));
  return t;
}

Tensor Tensor::from(Context& context, Shape shape, const std::vector<float>& values) {
  Tensor t = empty(context, std::move(shape));
  t.assign(values);
  return t;
}

void Tensor::assign(std::span<const float> values) const {
  KARYON_CHECK(storage_ != nullptr && dense() && static_cast<std::int64_t>(values.size()) == size(),
               "a tensor's values do not fill its shape");
  upload(storage_->context.stream(), data(), values.data(), values.size_bytes());
  mark_changed();
}

void Tensor::fill(float value) const {
  KARYON_CHECK(storage_ != nullptr, "an empty tensor has no numbers");
  ON_DEVICE(fill, storage_->context.stream(), value, view());
  mark_changed();
}

void* Tensor::data_of(ElementType type) const {
  KARYON_CHECK(storage_ != nullptr, "an empty tensor has no numbers");
  KARYON_CHECK(type == type_, "a tensor's numbers are read as another type than theirs");
  return storage_->buffer.as<void>();
}

std::array<int, 4> Tensor::four_sizes() const {
  KARYON_CHECK(shape_.size() <= 4, "a view has at most four dimensions");
  std::array<int, 4> sizes{1, 1, 1, 1};
  std::copy(shape_.begin(), shape_.end(), sizes.end() - static_cast<std::ptrdiff_t>(shape_.size()));
  return sizes;
}

Tensor Tensor::slice(std::int64_t begin, Shape shape) const {
  KARYON_CHECK(dense() && begin >= 0 && begin + shape_size(shape) <= size(), "a slice reaches beyond its tensor");
  Tensor t = *this;
  t.offset_ += begin;
  t.pitch_ = shape.empty() ? 1 : shape.back();
  t.shape_ = std::move(shape);
  t.id_ = next_number();
  return t;
}

Tensor Tensor::channels(int begin, int count) const {
  KARYON_CHECK(!shape_.empty() && begin >= 0 && count > 0 && begin + count <= shape_.back(),
               "a channel slice reaches beyond its tensor");
  Tensor t = *this;
  t.offset_ += begin;
  t.shape_.back() = count;
  t.id_ = next_number();
  return t;
}

std::uint64_t Tensor::stamp() const { return storage_ == nullptr ? 0 : storage_->stamp; }

void Tensor::mark_changed() const {
  KARYON_CHECK(storage_ != nullptr, "an empty tensor has no numbers");
  storage_->stamp = next_number();
}

std::vector<float> Tensor::to_vector() const {
  if (storage_ == nullptr) return {};
  Context& context = storage_->context;
  std::vector<float> values(static_cast<std::size_t>(size()));
  if (dense() && type_ == ElementType::f32) {
    download(context.stream(), values.data(), data(), values.size() * sizeof(float));
    return values;
  }
  const Tensor copy = empty(context, shape_);
  with_type(type_, [&]<class T>() { ON_DEVICE_AS((T), to_float32, context.stream(), view<T>(), copy.view()); });
  return copy.to_vector();
}

}  // namespace karyon
