// Transposition, zoom, brightness, colour and noise of a batch: against the fp64 reference, labels exactly, and nothing
// at all where nothing is asked for.
#include "kernels/distort.h"

#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/distort.h"

namespace karyon::testing {
namespace {

struct DistortCase {
  std::string name;
  int h = 8, w = 8;
  std::vector<double> index = {2, 0, 1, 3, 2};  // repeats and gaps are allowed
  std::vector<double> flips = {0, 1, 2, 3, 1};
  std::vector<Distortion> distortions = std::vector<Distortion>(4);  // of the stored images
  Normalisation normalisation = {};
  Slice y = {};

  [[nodiscard]] int stored() const { return static_cast<int>(distortions.size()); }
  [[nodiscard]] int batch() const { return static_cast<int>(index.size()); }
  [[nodiscard]] int image(int i) const { return static_cast<int>(index[static_cast<std::size_t>(i)]); }
  [[nodiscard]] int flip(int i) const { return static_cast<int>(flips[static_cast<std::size_t>(i)]); }
  [[nodiscard]] const Distortion& of(int i) const { return distortions[static_cast<std::size_t>(image(i))]; }
};

Array random_bytes(const Shape& shape, std::uint32_t below) {
  RandomStream random(16, Purpose::bench);
  Array bytes(shape);
  for (double& v : bytes.values) v = random.below(below);
  return bytes;
}

Array vector_of(const std::vector<double>& values) {
  Array result({1, 1, 1, static_cast<int>(values.size())});
  result.values = values;
  return result;
}

std::vector<Argument> order(const DistortCase& c) {
  return {input("index", vector_of(c.index), {}, Element::i32), input("flips", vector_of(c.flips), {}, Element::u8)};
}

/// The case's distortions in the stream's memory, where the op wants them, while body(pointer) runs.
template <class Body>
void with_distortions(Stream& stream, const DistortCase& c, const Body& body) {
  const std::size_t bytes = c.distortions.size() * sizeof(Distortion);
  auto* distortions = static_cast<Distortion*>(stream.memory().allocate(bytes, true));
  upload(stream, distortions, c.distortions.data(), bytes);
  body(distortions);
  stream.synchronize();
  stream.memory().release(distortions);
}

OpCase images(const DistortCase& c) {
  const auto stored = std::make_shared<Array>(random_bytes({c.stored(), c.h, c.w, 3}, 256));
  const Shape shape{c.batch(), c.h, c.w, 3};
  std::vector<Argument> arguments = order(c);
  arguments.push_back(input("images", *stored, {}, Element::u8));
  arguments.push_back(output(
      "y", shape,
      [c, stored, shape](std::int64_t flat) {
        const auto [i, row, column, ch] = reference::unravel(shape, flat);
        const Distortion& d = c.of(i);
        const double value = reference::distorted(*stored, c.image(i), row, column, ch, c.flip(i), d);
        const auto scale = static_cast<double>(c.normalisation.scale[ch]);
        const auto shift = static_cast<double>(c.normalisation.shift[ch]);
        // Interpolation, gain and shift, and a normal number of at most 5.8 with its angle.
        const double byte_error = 4 * 255 * (1 + static_cast<double>(d.gain[ch])) +
                                  std::abs(static_cast<double>(d.shift)) + 40 * static_cast<double>(d.noise);
        const double error = byte_error * std::abs(scale) + std::abs(value * scale) + std::abs(shift);
        return Expected{value * scale + shift, static_cast<double>(std::numeric_limits<float>::epsilon()) * error};
      },
      c.y, Element::activation));
  return {.name = "images " + c.name, .arguments = std::move(arguments), .run = [c](Stream& stream, Arguments& a) {
            with_distortions(stream, c, [&](const Distortion* distortions) {
              with_type(a.type("y"), [&]<class T>() {
                ON_DEVICE_AS((T), distort_images, stream, a.data<std::uint8_t>("images"), a.data<std::int32_t>("index"),
                             a.data<std::uint8_t>("flips"), distortions, c.normalisation, a.view<T>("y"));
              });
            });
          }};
}

OpCase labels(const DistortCase& c) {
  const auto stored = std::make_shared<Array>(random_bytes({c.stored(), c.h, c.w, 1}, 3));
  const Shape shape{c.batch(), c.h, c.w, 1};
  std::vector<Argument> arguments = order(c);
  arguments.push_back(input("labels", *stored, {}, Element::u8));
  arguments.push_back(output(
      "batch", shape,
      [c, stored, shape](std::int64_t flat) {
        const auto [i, row, column, ch] = reference::unravel(shape, flat);
        const reference::Place place = reference::distorted_place(row, column, c.h, c.w, c.flip(i), c.of(i));
        return Expected{reference::nearest(*stored, c.image(i), place, ch), 0};
      },
      {}, Element::u8));
  return {.name = "labels " + c.name, .arguments = std::move(arguments), .run = [c](Stream& stream, Arguments& a) {
            with_distortions(stream, c, [&](const Distortion* distortions) {
              ON_DEVICE(distort_labels, stream, a.data<std::uint8_t>("labels"), a.data<std::int32_t>("index"),
                        a.data<std::uint8_t>("flips"), distortions, c.batch(), c.h, c.w, a.data<std::uint8_t>("batch"));
            });
          }};
}

std::vector<DistortCase> cases() {
  const Distortion nothing, turned{.transposed = 1}, near{.step = 50000}, far{.step = 80001}, twice{.step = 131072},
      half{.step = 32768}, tiny{.step = 300000};
  const Distortion bright{.gain = {1.5F, 1.5F, 1.5F}}, coloured{.gain = {0.8F, 1.25F, 1}, .shift = -20},
      noisy{.noise = 25.5F, .key = {1, 2}}, wild{.noise = 300, .key = {1, 3}};
  const Distortion all{1, 70001, {1.25F, 0.5F, 1.75F}, 17.5F, 12.75F, {77, 99}};
  Normalisation caffe;
  for (int ch = 0; ch < 3; ++ch) {
    caffe.scale[ch] = 0.01F * static_cast<float>(ch + 1);
    caffe.shift[ch] = -0.5F * static_cast<float>(ch);
  }
  return {{.name = "nothing"},
          {.name = "nothing, not square", .h = 7, .w = 5},
          {.name = "turned", .index = {0, 0, 0, 0, 1}, .distortions = {turned, nothing}},
          {.name = "turned, odd", .h = 7, .w = 7, .index = {0, 1, 2, 3, 0}, .distortions = {turned, near, far, all}},
          {.name = "zoomed", .distortions = {near, far, twice, half}},
          {.name = "zoomed, not square", .h = 6, .w = 9, .distortions = {near, far, twice, half}},
          {.name = "seen from very far", .h = 3, .w = 5, .index = {0, 1}, .flips = {1, 2}, .distortions = {tiny, half}},
          {.name = "values", .distortions = {bright, coloured, noisy, wild}, .normalisation = caffe, .y = {1, 4}},
          {.name = "all", .distortions = {all, noisy, all, nothing}, .normalisation = caffe},
          {.name = "one pixel", .h = 1, .w = 1, .distortions = {all, far, near, turned}},
          {.name = "wider than a block", .h = 2, .w = 141, .distortions = {near, far, noisy, coloured}}};
}

TEST(DistortReference, PlacesByHand) {
  const auto place = [](int row, int column, int flip, const Distortion& d) {
    const reference::Place p = reference::distorted_place(row, column, 4, 4, flip, d);
    return std::pair(p.row, p.column);
  };
  EXPECT_EQ(place(0, 1, 0, {}), std::pair(0.0, 1.0));
  EXPECT_EQ(place(0, 1, 1, {}), std::pair(0.0, 2.0));
  EXPECT_EQ(place(0, 1, 2, {.transposed = 1}), std::pair(1.0, 3.0));
  EXPECT_EQ(place(0, 1, 0, {.step = 32768}), std::pair(0.75, 1.25));  // twice as near
  EXPECT_EQ(place(0, 3, 0, {.step = 131072}), std::pair(-1.5, 4.5));
  EXPECT_EQ(reference::mirrored(-1, 4), 0);
  EXPECT_EQ(reference::mirrored(5, 4), 2);
  EXPECT_EQ(reference::mirrored(-9, 4), 0);
}

TEST(Distort, Images) {
  for (const DistortCase& c : cases()) EXPECT_EQ(faults(images(c)), "");
}
TEST(Distort, ImagesInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const DistortCase& c : cases()) EXPECT_EQ(faults(images(c)), "");
}
TEST(Distort, Labels) {
  for (const DistortCase& c : cases()) EXPECT_EQ(faults(labels(c)), "");
}

/// A batch of one image and its label on the CPU, as bytes.
struct Picture {
  static constexpr int kSide = 32;
  std::vector<std::uint8_t> label = std::vector<std::uint8_t>(kSide * kSide);
  std::vector<float> image = std::vector<float>(kSide * kSide * 3);
};

Picture distorted_disc(int flip, const Distortion& d) {
  constexpr int kSide = Picture::kSide;
  std::vector<std::uint8_t> label(kSide * kSide), image(kSide * kSide * 3);
  for (int i = 0; i < kSide * kSide; ++i) {  // off the centre, and with a corner that tells how it lies
    const int row = i / kSide, column = i % kSide, square = (row - 10) * (row - 10) + (column - 18) * (column - 18);
    label[static_cast<std::size_t>(i)] = square < 40 || (row < 4 && column < 9) ? 1 : 0;
    for (std::size_t ch = 0; ch < 3; ++ch) {
      image[static_cast<std::size_t>(i) * 3 + ch] = static_cast<std::uint8_t>(label[static_cast<std::size_t>(i)] * 200);
    }
  }
  struct Memory final : MemorySource {
    void* allocate(std::size_t bytes, bool) override { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); }
    void release(void* block) noexcept override { std::free(block); }
  } memory;
  Stream stream({}, 1, memory);
  const std::int32_t index = 0;
  const auto flips = static_cast<std::uint8_t>(flip);
  Normalisation bytes;
  std::fill_n(bytes.scale, 3, 1.0F);
  std::fill_n(bytes.shift, 3, 0.0F);
  Picture result;
  cpu::distort_images(stream, image.data(), &index, &flips, &d, bytes, {result.image.data(), 1, kSide, kSide, 3});
  cpu::distort_labels(stream, label.data(), &index, &flips, &d, 1, kSide, kSide, result.label.data());
  return result;
}

TEST(Distort, LabelsLieWhereTheImageDoes) {
  std::vector<std::vector<std::uint8_t>> symmetries;
  for (const std::int32_t transposed : {0, 1}) {
    for (int flip = 0; flip < 4; ++flip) {
      const Picture same = distorted_disc(flip, {.transposed = transposed});
      for (std::size_t i = 0; i < same.label.size(); ++i) {
        ASSERT_EQ(same.image[3 * i], 200.0F * static_cast<float>(same.label[i])) << i;
      }
      EXPECT_EQ(std::count(symmetries.begin(), symmetries.end(), same.label), 0) << "the square has eight symmetries";
      symmetries.push_back(same.label);
      for (const std::int32_t step : {43691, 60000, 65537, 98304}) {
        const Picture zoomed = distorted_disc(flip, {.transposed = transposed, .step = step});
        std::size_t between = 0;
        for (std::size_t i = 0; i < zoomed.label.size(); ++i) {
          if (zoomed.image[3 * i] > 0 && zoomed.image[3 * i] < 200) {
            ++between;  // on the border of the disc, where the image is no longer the label
          } else {
            ASSERT_EQ(zoomed.image[3 * i], 200.0F * static_cast<float>(zoomed.label[i])) << i << " at " << step;
          }
        }
        EXPECT_LT(between, zoomed.label.size() / 8);
      }
    }
  }
}

TEST(Distort, NoiseIsNormalAndStaysWithinBytes) {
  double sum = 0, squares = 0;
  const Distortion d{.noise = 10, .key = {5, 6}};
  constexpr std::uint32_t kPixels = 20000;
  for (std::uint32_t i = 0; i < kPixels; ++i) {
    for (int ch = 0; ch < 3; ++ch) {
      const double value = reference::noise_of(d, i, ch);
      sum += value;
      squares += value * value;
    }
  }
  EXPECT_NEAR(sum / (3 * kPixels), 0, 0.02);
  EXPECT_NEAR(squares / (3 * kPixels), 1, 0.03);
  const Picture noisy = distorted_disc(0, {.noise = 300});
  EXPECT_EQ(*std::min_element(noisy.image.begin(), noisy.image.end()), 0);
  EXPECT_EQ(*std::max_element(noisy.image.begin(), noisy.image.end()), 255);
}

}  // namespace
}  // namespace karyon::testing
