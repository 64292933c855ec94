// Probabilities and the most probable class.
#include "kernels/softmax.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/softmax.h"

namespace karyon::testing {
namespace {

struct SoftmaxCase {
  Shape shape;
  double spread = 1;  // of the logits
  Slice logits = {}, probabilities = {};
  [[nodiscard]] std::string name() const { return text(shape) + " spread " + std::to_string(spread); }
};

Array random_logits(const SoftmaxCase& c) {
  RandomStream random(12, Purpose::bench);
  Array logits = random_array(c.shape, random);
  for (double& v : logits.values) v = static_cast<double>(static_cast<float>(v * c.spread));
  // Equal logits in the first pixel: the first of equals is the class.
  for (int k = 0; k < c.shape[3]; ++k) logits.at(0, 0, 0, k) = static_cast<double>(static_cast<float>(c.spread));
  return logits;
}

std::vector<SoftmaxCase> cases() {
  return {{.shape = {2, 7, 5, 2}},
          {.shape = {2, 7, 5, 3}, .logits = {3, 2}, .probabilities = {0, 5}},
          {.shape = {1, 1, 1, 1}},
          {.shape = {1, 7, 5, 257}, .spread = 4, .probabilities = {1, 0}},
          {.shape = {2, 7, 5, 2}, .spread = 1e4},
          {.shape = {2, 7, 5, 3}, .spread = 1e4, .logits = {0, 1}},
          {.shape = {2, 33, 31, 2}, .spread = 20},
          {.shape = {1, 7, 5, 2}, .logits = {2, 4}, .probabilities = {0, 2}},
          {.shape = {1, 7, 5, 2}, .logits = {1, 0}},
          {.shape = {4, 1, 1, 1000}}};
}

std::function<Expected(std::int64_t)> probabilities(const Array& logits) {
  return [p = reference::softmax(logits)](std::int64_t i) {
    return Expected{p.values[static_cast<std::size_t>(i)],
                    8 * static_cast<double>(std::numeric_limits<float>::epsilon())};
  };
}

TEST(Softmax, Probabilities) {
  for (const SoftmaxCase& c : cases()) {
    const Array logits = random_logits(c);
    EXPECT_EQ(
        faults({.name = "softmax " + c.name(),
                .arguments = {input("logits", logits, c.logits),
                              output("probabilities", c.shape, probabilities(logits), c.probabilities)},
                .run = [](Stream& stream,
                          Arguments& a) { ON_DEVICE(softmax, stream, a.view("logits"), a.view("probabilities")); }}),
        "");
    EXPECT_EQ(faults({.name = "softmax in place " + c.name(),
                      .arguments = {in_place("logits", logits, probabilities(logits), c.logits)},
                      .run = [](Stream& stream,
                                Arguments& a) { ON_DEVICE(softmax, stream, a.view("logits"), a.view("logits")); }}),
              "");
  }
}

TEST(Softmax, MostProbableClass) {
  for (const SoftmaxCase& c : cases()) {
    if (c.shape[3] > 256) continue;  // a class is a byte
    const Array logits = random_logits(c);
    const Shape classes{c.shape[0], c.shape[1], c.shape[2], 1};
    const auto expected = [logits, classes](std::int64_t i) {
      const auto [n, h, w, one] = reference::unravel(classes, i);
      return Expected{static_cast<double>(reference::argmax(logits, n, h, w)), 0};
    };
    EXPECT_EQ(
        faults({.name = "argmax " + c.name(),
                .arguments = {input("logits", logits, c.logits), output("classes", classes, expected, {}, Element::u8)},
                .run =
                    [](Stream& stream, Arguments& a) {
                      ON_DEVICE(argmax, stream, a.view("logits"), a.data<std::uint8_t>("classes"));
                    }}),
        "");
  }
}

}  // namespace
}  // namespace karyon::testing
