// Adam over several steps against the formula in double, over gradients of every size.
#include "kernels/adam.h"

#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/adam.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

struct AdamCase {
  int count = 1;
  AdamSettings settings = {};
  std::int64_t first_step = 1;
  Slice block = {};  // of w, m, v and the gradients: 16-byte aligned or not
  float factor = 1;  // on the gradients; 1: none is given
  bool lines = false;
};

/// Lines of four kinds: as without any; the encoder's; neither decays; decay alone, which the engine never asks for.
LineFactors line_factors(std::int64_t line) {
  constexpr LineFactors kinds[] = {{1, 1}, {0.125F, 0.125F}, {0.125F, 0}, {0, 1}};
  return kinds[line % 7 % 4];
}

struct Course {
  std::vector<Array> gradients;  // one a step
  std::vector<reference::AdamState> end;
  std::vector<double> update_scale, m_scale, v_scale;  // what the roundings are in proportion to
  Array w, zeros;
};

constexpr int kSteps = 5;

// Gradients from 1e-10, far below epsilon, to 100; every seventh number never gets any.
std::shared_ptr<const Course> course(const AdamCase& c) {
  const Shape shape{1, 1, 1, c.count};
  const auto count = static_cast<std::size_t>(c.count);
  RandomStream random(13, Purpose::bench);
  auto result = std::make_shared<Course>();
  result->w = random_array(shape, random);
  for (std::size_t i = 0; i < count; i += 2) result->w.values[i] = 0;  // where even the smallest update shows
  result->zeros = Array(shape);
  result->end.resize(count);
  result->update_scale.assign(count, 0);
  result->m_scale = result->v_scale = result->update_scale;
  for (std::size_t i = 0; i < count; ++i) result->end[i].w = result->w.values[i];
  result->gradients.reserve(kSteps);
  for (int step = 0; step < kSteps; ++step) {
    Array g = random_array(shape, random);
    for (std::size_t i = 0; i < count; ++i) {
      const double size = i % 7 == 6 ? 0 : std::pow(10.0, static_cast<double>(i % 13) - 10);
      g.values[i] = static_cast<double>(static_cast<float>(g.values[i] * size));
      const double before = result->end[i].w;
      const LineFactors line = c.lines ? line_factors(static_cast<std::int64_t>(i) / kAdamLine) : LineFactors{};
      const auto factor = static_cast<double>(c.factor);
      reference::adam_step(g.values[i], c.settings, c.first_step + step, result->end[i], factor, line);
      result->m_scale[i] += std::abs(factor * g.values[i]);
      result->v_scale[i] += factor * factor * g.values[i] * g.values[i];
      const reference::AdamState& now = result->end[i];
      const double cancellation = now.m == 0 ? 1 : result->m_scale[i] / std::abs(now.m);
      result->update_scale[i] += std::abs(now.w - before) * cancellation;
    }
    result->gradients.push_back(g);
  }
  return result;
}

OpCase adam(const AdamCase& c) {
  const auto path = course(c);
  std::vector<Argument> arguments;
  arguments.reserve(2 * kSteps + 5);
  if (c.factor != 1) {
    Array factor({1, 1, 1, 1});
    factor.values[0] = static_cast<double>(c.factor);
    arguments.push_back(input("factor", factor));
  }
  if (c.lines) {
    arguments.push_back(
        input("lines", reference::build({1, 1, (c.count + kAdamLine - 1) / kAdamLine, 2}, [](int, int, int i, int k) {
                const LineFactors line = line_factors(i);
                return static_cast<double>(k == 0 ? line.rate : line.decay);
              })));
  }
  for (int step = 0; step < kSteps; ++step) {
    Array rate({1, 1, 1, 3});
    const AdamRate rates = adam_rate(c.settings, c.settings.learning_rate, c.first_step + step);
    rate.values = {static_cast<double>(rates.step_size), static_cast<double>(rates.decay),
                   static_cast<double>(rates.keep_average)};
    arguments.push_back(input("rate" + std::to_string(step), rate));
    arguments.push_back(input("g" + std::to_string(step), path->gradients[static_cast<std::size_t>(step)], c.block));
  }
  arguments.push_back(in_place(
      "w", path->w,
      [path](std::int64_t flat) {
        const auto i = static_cast<std::size_t>(flat);
        const double start = std::abs(path->w.values[i]) + path->update_scale[i];
        return Expected{path->end[i].w, kEps * (kSteps * start + 8 * path->update_scale[i])};
      },
      c.block));
  arguments.push_back(in_place(
      "m", path->zeros,
      [path](std::int64_t flat) {
        const auto i = static_cast<std::size_t>(flat);
        return Expected{path->end[i].m, 4 * kEps * path->m_scale[i]};
      },
      c.block));
  arguments.push_back(in_place(
      "v", path->zeros,
      [path](std::int64_t flat) {
        const auto i = static_cast<std::size_t>(flat);
        return Expected{path->end[i].v, 4 * kEps * path->v_scale[i]};
      },
      c.block));
  return {.name = "adam " + std::to_string(c.count),
          .arguments = std::move(arguments),
          .run = [c](Stream& stream, Arguments& a) {
            for (int step = 0; step < kSteps; ++step) {
              ON_DEVICE(adam_step, stream, std::int64_t{c.count}, a.data("g" + std::to_string(step)), c.settings,
                        reinterpret_cast<const AdamRate*>(a.data("rate" + std::to_string(step))), a.data("factor"),
                        reinterpret_cast<const LineFactors*>(a.data("lines")), a.data("w"), a.data("m"), a.data("v"));
            }
          }};
}

// The first step of a gradient g >> epsilon moves by the learning rate; of one far below epsilon, by Keras's placement,
// by lr * g (1 - beta1) / (1 - beta1) * sqrt(1 - beta2) / epsilon. PyTorch's would give lr * g / epsilon, 32 times
// that.
TEST(AdamReference, EpsilonStandsOutsideTheCorrection) {
  const AdamSettings settings;
  reference::AdamState large, small;
  reference::adam_step(3.0, settings, 1, large);
  EXPECT_NEAR(large.w, -1e-3, 1e-8);
  reference::adam_step(1e-12, settings, 1, small);
  EXPECT_NEAR(small.w, -1e-3 * 1e-12 * std::sqrt(1e-3) / 1e-7, 1e-13);
}

TEST(Adam, FiveSteps) {
  AdamSettings other;
  other.learning_rate = 0.05F;
  other.beta1 = 0.5F;
  other.beta2 = 0.9F;
  other.epsilon = 1e-3F;
  for (const AdamCase& c : std::vector<AdamCase>{{.count = 1},
                                                 {.count = 31},
                                                 {.count = 257},
                                                 {.count = 10007},
                                                 {.count = 997, .settings = other},
                                                 {.count = 100, .first_step = 100000},
                                                 {.count = 4098, .block = {1, 0}}}) {
    EXPECT_EQ(faults(adam(c)), "");
  }
}

TEST(Adam, FiveStepsWithDecayAClippedGradientAndFactorsOfTheLines) {
  AdamSettings settings;
  settings.learning_rate = 0.05F;
  settings.weight_decay = 0.25F;
  for (const AdamCase& c :
       std::vector<AdamCase>{{.count = 16, .settings = settings, .lines = true},
                             {.count = 257, .settings = settings, .factor = 0.01F},
                             {.count = 10007, .settings = settings, .factor = 0.375F, .lines = true},
                             {.count = 4098, .settings = settings, .block = {1, 0}, .lines = true}}) {
    EXPECT_EQ(faults(adam(c)), "");
  }
}

// Keras's AdamW decays by learning_rate * weight_decay before the update, without bias correction.
TEST(AdamReference, DecayKnowsNoBiasCorrection) {
  AdamSettings settings;
  settings.weight_decay = 0.5F;
  reference::AdamState state{.w = 2};
  reference::adam_step(0, settings, 1, state, 1, {1, 1});
  EXPECT_NEAR(state.w, 2 - 1e-3 * 0.5 * 2, 1e-9);
}

TEST(AdamRate, BelongsToTheStepAndItsLearningRate) {
  AdamSettings settings;
  settings.weight_decay = 0.25F;
  settings.average_decay = 0.75F;
  const AdamRate first = adam_rate(settings, 0.5F, 1), tenth = adam_rate(settings, 0.5F, 10);
  EXPECT_NEAR(first.step_size, 0.5 * std::sqrt(1e-3) / 0.1, 1e-5);
  EXPECT_NEAR(tenth.step_size, 0.5 * std::sqrt(1 - std::pow(0.999, 10)) / (1 - std::pow(0.9, 10)), 1e-5);
  EXPECT_EQ(first.decay, 0.125F);
  EXPECT_EQ(tenth.decay, 0.125F);
  EXPECT_EQ(first.keep_average, 0.0F) << "the average begins as the first weights";
  EXPECT_EQ(tenth.keep_average, 0.75F);
}

}  // namespace
}  // namespace karyon::testing
