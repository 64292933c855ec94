// A batch out of the resident images: the order of the index, all four flips, the normalisation; labels the same way.
#include "kernels/augment.h"

#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/augment.h"

namespace karyon::testing {
namespace {

struct AugmentCase {
  int stored = 4, h = 7, w = 5;
  std::vector<double> index = {2, 0, 3, 3, 1};  // repeats and gaps are allowed
  std::vector<double> flips = {0, 1, 2, 3, 1};  // empty: none
  Normalisation normalisation = {};
  Slice y = {};

  [[nodiscard]] int batch() const { return static_cast<int>(index.size()); }
  [[nodiscard]] int flip(int i) const {
    return flips.empty() ? 0 : static_cast<int>(flips[static_cast<std::size_t>(i)]);
  }
};

Array random_bytes(const Shape& shape, std::uint32_t below) {
  RandomStream random(14, Purpose::bench);
  Array bytes(shape);
  for (double& v : bytes.values) v = random.below(below);
  return bytes;
}

Array vector_of(const std::vector<double>& values) {
  Array result({1, 1, 1, static_cast<int>(values.size())});
  result.values = values;
  return result;
}

std::vector<Argument> order(const AugmentCase& c) {
  std::vector<Argument> arguments{input("index", vector_of(c.index), {}, Element::i32)};
  if (!c.flips.empty()) arguments.push_back(input("flips", vector_of(c.flips), {}, Element::u8));
  return arguments;
}

OpCase images(const AugmentCase& c) {
  const auto stored = std::make_shared<Array>(random_bytes({c.stored, c.h, c.w, 3}, 256));
  const Shape shape{c.batch(), c.h, c.w, 3};
  std::vector<Argument> arguments = order(c);
  arguments.push_back(input("images", *stored, {}, Element::u8));
  arguments.push_back(output(
      "y", shape,
      [c, stored, shape](std::int64_t flat) {
        const auto [i, row, col, ch] = reference::unravel(shape, flat);
        const double byte = reference::augmented(*stored, static_cast<int>(c.index[static_cast<std::size_t>(i)]),
                                                 c.flip(i), row, col, ch);
        reference::Sum sum;
        sum.add(byte * static_cast<double>(c.normalisation.scale[ch]));
        sum.add(static_cast<double>(c.normalisation.shift[ch]));
        return Expected{sum.value, static_cast<double>(std::numeric_limits<float>::epsilon()) * sum.magnitude};
      },
      c.y, Element::activation));
  return {.name = "images " + text(shape), .arguments = std::move(arguments), .run = [c](Stream& stream, Arguments& a) {
            with_type(a.type("y"), [&]<class T>() {
              ON_DEVICE_AS((T), augment_images, stream, a.data<std::uint8_t>("images"), a.data<std::int32_t>("index"),
                           a.data<std::uint8_t>("flips"), c.normalisation, a.view<T>("y"));
            });
          }};
}

OpCase labels(const AugmentCase& c) {
  const auto stored = std::make_shared<Array>(random_bytes({c.stored, c.h, c.w, 1}, 3));
  const Shape shape{c.batch(), c.h, c.w, 1};
  std::vector<Argument> arguments = order(c);
  arguments.push_back(input("labels", *stored, {}, Element::u8));
  arguments.push_back(output(
      "batch", shape,
      [c, stored, shape](std::int64_t flat) {
        const auto [i, row, col, ch] = reference::unravel(shape, flat);
        return Expected{reference::augmented(*stored, static_cast<int>(c.index[static_cast<std::size_t>(i)]), c.flip(i),
                                             row, col, ch),
                        0};
      },
      {}, Element::u8));
  return {.name = "labels " + text(shape), .arguments = std::move(arguments), .run = [c](Stream& stream, Arguments& a) {
            ON_DEVICE(augment_labels, stream, a.data<std::uint8_t>("labels"), a.data<std::int32_t>("index"),
                      a.data<std::uint8_t>("flips"), c.batch(), c.h, c.w, a.data<std::uint8_t>("batch"));
          }};
}

std::vector<AugmentCase> cases() {
  Normalisation caffe;
  for (int ch = 0; ch < 3; ++ch) {
    caffe.scale[ch] = 0.01F * static_cast<float>(ch + 1);
    caffe.shift[ch] = -0.5F * static_cast<float>(ch);
  }
  return {{},
          {.flips = {}},
          {.normalisation = caffe, .y = {1, 4}},
          {.h = 1, .w = 1},
          {.stored = 1, .h = 1, .w = 33, .index = {0, 0, 0, 0}, .flips = {3, 2, 1, 0}},
          {.stored = 2, .h = 31, .w = 1, .index = {1}, .flips = {2}},
          {.stored = 3, .h = 32, .w = 32, .index = {2, 1, 0}, .flips = {3, 3, 3}, .y = {0, 1}},
          {.stored = 2, .h = 5, .w = 40, .index = {1, 0, 1, 0}, .flips = {0, 1, 2, 3}, .y = {4, 1}},
          {.stored = 2, .h = 3, .w = 352, .index = {1, 0, 1, 0}, .flips = {0, 1, 2, 3}, .normalisation = caffe}};
}

// 1 2 / 3 4 by hand.
TEST(AugmentReference, Flips) {
  Array image({1, 2, 2, 1});
  image.values = {1, 2, 3, 4};
  const std::vector<std::vector<double>> expected{{1, 2, 3, 4}, {2, 1, 4, 3}, {3, 4, 1, 2}, {4, 3, 2, 1}};
  for (int flip = 0; flip < 4; ++flip) {
    const Array y = reference::build(
        image.shape, [&](int, int row, int col, int ch) { return reference::augmented(image, 0, flip, row, col, ch); });
    EXPECT_EQ(y.values, expected[static_cast<std::size_t>(flip)]);
  }
}

TEST(Augment, Images) {
  for (const AugmentCase& c : cases()) EXPECT_EQ(faults(images(c)), "");
}
TEST(Augment, ImagesInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const AugmentCase& c : cases()) EXPECT_EQ(faults(images(c)), "");
}
TEST(Augment, Labels) {
  for (const AugmentCase& c : cases()) EXPECT_EQ(faults(labels(c)), "");
}

}  // namespace
}  // namespace karyon::testing
