// Walking through an epoch's inputs by a position on the device, and adding up what its steps counted.
#include "kernels/step_window.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/op_case.h"

namespace karyon::testing {
namespace {

struct WindowCase {
  int count = 32, stride = 32;  // images in the last step and in those before it
  int steps = 3;
  int first = 0;  // the position where the walk begins
};

Array vector_of(int count, const std::function<double(int)>& element) {
  return reference::build({1, 1, 1, count}, [&](int, int, int, int i) { return element(i); });
}

std::function<Expected(std::int64_t)> exactly(const std::function<double(std::int64_t)>& element) {
  return [element](std::int64_t i) { return Expected{element(i), 0}; };
}

OpCase window(const WindowCase& c) {
  RandomStream random(15, Purpose::bench);
  const int stored = (c.first + c.steps - 1) * c.stride + c.count;
  const Array order = vector_of(stored, [&](int) { return random.below(1U << 30); });
  const Array flips = vector_of(stored, [&](int) { return random.below(4); });
  const Array rates = random_array({1, 1, c.first + c.steps, 3}, random);  // an AdamRate each
  const auto images = [c](int step) { return step == c.steps - 1 ? c.count : c.stride; };
  std::vector<Argument> arguments{input("order", order, {}, Element::i32), input("all_flips", flips, {}, Element::u8),
                                  input("rates", rates)};
  arguments.push_back(in_place("position", vector_of(1, [&](int) { return c.first; }),
                               exactly([c](std::int64_t) { return c.first + c.steps; }), {}, Element::i32));
  for (int step = 0; step < c.steps; ++step) {
    const std::string number = std::to_string(step);
    const int at = c.first + step;
    const Shape shape{1, 1, 1, images(step)};
    arguments.push_back(output("index" + number, shape, exactly([order, at, c](std::int64_t i) {
                                 return order.at(at * c.stride + static_cast<int>(i));
                               }),
                               {}, Element::i32));
    arguments.push_back(output("flips" + number, shape, exactly([flips, at, c](std::int64_t i) {
                                 return flips.at(at * c.stride + static_cast<int>(i));
                               }),
                               {}, Element::u8));
    arguments.push_back(output("rate" + number, {1, 1, 1, 3}, exactly([rates, at](std::int64_t i) {
                                 return rates.at(3 * at + static_cast<int>(i));
                               })));
  }
  return {.name = "window of " + std::to_string(c.count) + " from step " + std::to_string(c.first),
          .arguments = std::move(arguments),
          .run = [c, images](Stream& stream, Arguments& a) {
            for (int step = 0; step < c.steps; ++step) {
              const std::string number = std::to_string(step);
              ON_DEVICE(next_step, stream, a.data<std::int32_t>("order"), a.data<std::uint8_t>("all_flips"),
                        reinterpret_cast<const AdamRate*>(a.data("rates")), images(step), c.stride,
                        a.data<std::int32_t>("position"), a.data<std::int32_t>("index" + number),
                        a.data<std::uint8_t>("flips" + number), reinterpret_cast<AdamRate*>(a.data("rate" + number)));
            }
          }};
}

TEST(StepWindow, WalksThroughAnEpoch) {
  for (const WindowCase& c : std::vector<WindowCase>{{.count = 1, .stride = 1},
                                                     {.count = 32},
                                                     {.count = 7, .first = 2},
                                                     {.count = 300, .stride = 301, .steps = 2, .first = 1}}) {
    EXPECT_EQ(faults(window(c)), "");
  }
}

// The eight numbers of an EpochCounts as an argument that the harness compares. A sum that is no number is -1.
std::vector<double> as_numbers(const EpochCounts& counts) {
  const XentCounts& sum = counts.sum;
  return {std::isnan(sum.loss_sum) ? -1 : sum.loss_sum,
          static_cast<double>(sum.pixels),
          static_cast<double>(sum.correct),
          static_cast<double>(sum.true_foreground),
          static_cast<double>(sum.predicted_foreground),
          static_cast<double>(sum.common_foreground),
          static_cast<double>(counts.steps),
          static_cast<double>(counts.bad_step)};
}

/// Counts these steps, each with numbers of its own but for the loss.
OpCase counted(const std::vector<double>& losses, const std::vector<double>& expected) {
  return {.name = "counts of " + std::to_string(losses.size()) + " steps",
          .arguments = {output("numbers", {1, 1, 1, 8},
                               exactly([expected](std::int64_t i) { return expected[static_cast<std::size_t>(i)]; }),
                               {}, Element::f64)},
          .run = [losses](Stream& stream, Arguments& a) {
            auto* total = static_cast<EpochCounts*>(stream.memory().allocate(sizeof(EpochCounts), true));
            auto* step = static_cast<XentCounts*>(stream.memory().allocate(sizeof(XentCounts), true));
            EpochCounts counts;
            upload(stream, total, &counts, sizeof(counts));
            for (std::size_t i = 0; i < losses.size(); ++i) {
              const auto k = static_cast<std::int64_t>(i);
              const XentCounts one{losses[i], std::int64_t{1} << 40, 1000 + k, 100 + k, 10 + k, 1 + k};
              upload(stream, step, &one, sizeof(one));
              ON_DEVICE(count_step, stream, step, total);
            }
            download(stream, &counts, total, sizeof(counts));
            const std::vector<double> numbers = as_numbers(counts);
            upload(stream, a.data<double>("numbers"), numbers.data(), numbers.size() * sizeof(double));
            stream.memory().release(step);
            stream.memory().release(total);
          }};
}

TEST(StepWindow, AddsUpWhatStepsCounted) {
  constexpr double kMany = 0x1p40;
  EXPECT_EQ(faults(counted({}, {0, 0, 0, 0, 0, 0, 0, -1})), "");
  EXPECT_EQ(faults(counted({0.5, 0.25, 8}, {8.75, 3 * kMany, 3003, 303, 33, 6, 3, -1})), "");
}

TEST(StepWindow, NotesTheFirstBadStep) {
  constexpr double kMany = 0x1p40, kNaN = std::numeric_limits<double>::quiet_NaN(),
                   kInf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(faults(counted({1, kNaN, 2, kNaN}, {-1, 4 * kMany, 4006, 406, 46, 10, 4, 1})), "");
  EXPECT_EQ(faults(counted({-kInf, kInf, 1}, {-1, 3 * kMany, 3003, 303, 33, 6, 3, 0})), "");
}

}  // namespace
}  // namespace karyon::testing
