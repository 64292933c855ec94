#include "engine/tensor.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kernels/check.h"

namespace karyon {

namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

}  // namespace

struct Tensor::Storage {
  Storage(Context& context, std::int64_t count)
      : buffer(context, static_cast<std::size_t>(count) * sizeof(float)), stamp(next_number()) {}
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

Tensor Tensor::empty(Context& context, Shape shape) {
  Tensor t;
  t.storage_ = std::make_shared<Storage>(context, shape_size(shape));
  t.pitch_ = shape.empty() ? 1 : shape.back();
  t.shape_ = std::move(shape);
  t.id_ = next_number();
  return t;
}

Tensor Tensor::zeros(Context& context, Shape shape) {
  Tensor t = empty(context, std::move(shape));
  std::fill_n(t.data(), t.size(), 0.0F);
  return t;
}

Tensor Tensor::from(Context& context, Shape shape, const std::vector<float>& values) {
  Tensor t = empty(context, std::move(shape));
  KARYON_CHECK(static_cast<std::int64_t>(values.size()) == t.size(), "a tensor's values do not fill its shape");
  std::copy(values.begin(), values.end(), t.data());
  return t;
}

float* Tensor::data() const {
  KARYON_CHECK(storage_ != nullptr, "an empty tensor has no numbers");
  return storage_->buffer.as<float>() + offset_;
}

FloatView Tensor::view() const {
  if (storage_ == nullptr) return {};
  KARYON_CHECK(shape_.size() <= 4, "a view has at most four dimensions");
  int d[4] = {1, 1, 1, 1};
  std::copy(shape_.begin(), shape_.end(), d + (4 - shape_.size()));
  return {data(), d[0], d[1], d[2], d[3], static_cast<std::ptrdiff_t>(pitch_)};
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
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(size()));
  const FloatView v = view();
  for (std::int64_t i = 0; i < v.pixels(); ++i) values.insert(values.end(), v.pixel(i), v.pixel(i) + v.c);
  return values;
}

}  // namespace karyon
