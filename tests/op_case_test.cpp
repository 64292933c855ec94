// The harness itself: each fault it exists for is put into a small kernel on purpose and must be found.
#include "tests/op_case.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace karyon::testing {
namespace {

// y = 2 x over channel slices; `run` is the kernel under suspicion.
OpCase doubling(std::function<void(Stream&, Arguments&)> run) {
  RandomStream random(1, Purpose::bench);
  const Array x = random_array({2, 3, 1, 4}, random);
  const auto expected = [x](std::int64_t i) { return Expected{2 * x.values[static_cast<std::size_t>(i)], 0}; };
  return {.name = "doubling",
          .arguments = {input("x", x, {1, 2}), output("y", x.shape, expected, {2, 1})},
          .run = std::move(run),
          .cpu_alone = true};
}

void correct(Arguments& a) {
  const ConstFloatView x = a.view("x");
  const FloatView y = a.view("y");
  for (std::int64_t p = 0; p < x.pixels(); ++p) {
    for (int c = 0; c < x.c; ++c) y.pixel(p)[c] = 2 * x.pixel(p)[c];
  }
}

std::string faults_of(const std::function<void(Stream&, Arguments&)>& run) { return faults(doubling(run)); }

TEST(OpCase, ACorrectKernelHasNoFaults) {
  EXPECT_EQ(faults_of([](Stream&, Arguments& a) { correct(a); }), "");
}

TEST(OpCase, FindsAWrongElement) {
  const std::string found = faults_of([](Stream&, Arguments& a) {
    correct(a);
    a.view("y").pixel(3)[1] += 1;
  });
  EXPECT_NE(found.find("y[1,0,0,1] is"), std::string::npos) << found;
}

TEST(OpCase, FindsAccumulationIntoTheOutput) {
  const std::string found = faults_of([](Stream&, Arguments& a) {
    const FloatView y = a.view("y");
    const std::vector<float> before(y.data, y.data + 1);
    correct(a);
    y.data[0] += before[0];
  });
  EXPECT_NE(found.find("y: 1 elements are NaN"), std::string::npos) << found;
}

TEST(OpCase, FindsWritesInFrontBehindAndBetween) {
  for (const std::ptrdiff_t where : {-3, 4, 6 * 7 - 2, 6 * 7 + 20}) {
    const std::string found = faults_of([where](Stream&, Arguments& a) {
      correct(a);
      a.view("y").data[where] = 0;
    });
    EXPECT_NE(found.find("written outside of y"), std::string::npos) << where << found;
  }
}

TEST(OpCase, FindsAChangedInputAndAReadBesideIt) {
  const std::string changed = faults_of([](Stream&, Arguments& a) {
    correct(a);
    a.view("x").data[0] = 5;
  });
  EXPECT_NE(changed.find("input x has been changed"), std::string::npos) << changed;
  const std::string read = faults_of([](Stream&, Arguments& a) {
    correct(a);
    a.view("y").data[0] = 2 * a.view("x").data[-1];
  });
  EXPECT_NE(read.find("elements are NaN"), std::string::npos) << read;
}

TEST(OpCase, FindsResultsThatDependOnThreadsOrTime) {
  const std::string threads = faults_of([](Stream& stream, Arguments& a) {
    correct(a);
    if (stream.threads() == 3) a.view("y").data[0] += 1e-6F;
  });
  EXPECT_EQ(threads.rfind("with 3 threads:", 0), 0U) << threads;
  EXPECT_NE(threads.find("y has other bits than those with 1 thread"), std::string::npos) << threads;
  int calls = 0;
  const std::string again = faults_of([&calls](Stream&, Arguments& a) {
    correct(a);
    if (calls++ % 2 == 1) a.view("y").data[0] += 1;
  });
  EXPECT_NE(again.find("y has other bits than a first run"), std::string::npos) << again;
}

TEST(OpCase, FindsWritesBehindTheWorkspaceAndReadsOfItUnwritten) {
  const std::string behind = faults_of([](Stream& stream, Arguments& a) {
    correct(a);
    stream.workspace<float>(10)[10] = 0;
  });
  EXPECT_NE(behind.find("written behind the workspace"), std::string::npos) << behind;
  const std::string unwritten = faults_of([](Stream& stream, Arguments& a) {
    correct(a);
    a.view("y").data[0] += stream.workspace<float>(10)[3];
  });
  EXPECT_NE(unwritten.find("elements are NaN"), std::string::npos) << unwritten;
}

TEST(OpCase, ReportsAnException) {
  const std::string found = faults_of([](Stream&, Arguments&) { throw std::runtime_error("no such thing"); });
  EXPECT_NE(found.find("doubling: threw no such thing"), std::string::npos) << found;
}

TEST(OpCase, CountsBytes) {
  // 24 floats read, 24 written.
  EXPECT_EQ(doubling({}).bytes(), 192);
}

TEST(GradientCase, FindsAWrongGradient) {
  RandomStream random(2, Purpose::bench);
  GradientCase square{.name = "square",
                      .inputs = {random_array({1, 2, 2, 3}, random)},
                      .forward =
                          [](const std::vector<Array>& in) {
                            Array y = in[0];
                            for (double& v : y.values) v *= v;
                            return y;
                          },
                      .backward =
                          [](const std::vector<Array>& in, const Array& dy) {
                            Array dx = in[0];
                            for (std::size_t i = 0; i < dx.values.size(); ++i) dx.values[i] *= 2 * dy.values[i];
                            return std::vector<Array>{dx};
                          }};
  EXPECT_EQ(gradient_faults(square), "");
  const auto right = square.backward;
  square.backward = [right](const std::vector<Array>& in, const Array& dy) {
    std::vector<Array> gradients = right(in, dy);
    gradients[0].values[5] *= 1 + 1e-4;
    gradients[0].values[5] += 1e-4;
    return gradients;
  };
  EXPECT_NE(gradient_faults(square).find("gradient of input 0 at 5"), std::string::npos);
}

}  // namespace
}  // namespace karyon::testing
