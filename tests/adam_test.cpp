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
};

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
      reference::adam_step(g.values[i], c.settings, c.first_step + step, result->end[i]);
      result->m_scale[i] += std::abs(g.values[i]);
      result->v_scale[i] += g.values[i] * g.values[i];
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
  arguments.reserve(2 * kSteps + 3);
  for (int step = 0; step < kSteps; ++step) {
    Array rate({1, 1, 1, 1});
    rate.values[0] = static_cast<double>(adam_rate(c.settings, c.first_step + step));
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
                        a.data("rate" + std::to_string(step)), a.data("w"), a.data("m"), a.data("v"));
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

}  // namespace
}  // namespace karyon::testing
