// The tape's promises: gradients are added where paths meet, computed only where needed, and refused when stale.
#include "engine/tape.h"

#include <gtest/gtest.h>

#include "kernels/check.h"
#include "layers/add.h"

namespace karyon {
namespace {

class TapeTest : public ::testing::Test {
 protected:
  Tensor tensor(std::vector<float> values) {
    const int n = static_cast<int>(values.size());
    return Tensor::from(context_, {1, 1, 1, n}, values);
  }
  /// y = factor * x as an op of the test's own.
  Tensor scale(Tape& tape, const Tensor& x, float factor, int* calls = nullptr) {
    std::vector<float> values = x.to_vector();
    for (float& v : values) v *= factor;
    const Tensor y = Tensor::from(context_, x.shape(), values);
    tape.record("scale", {x}, y, [factor, calls](Gradients& g) {
      if (calls != nullptr) ++*calls;
      const std::vector<float> dy = g.dy().to_vector();
      float* dx = g.destination(0).data();
      for (std::size_t i = 0; i < dy.size(); ++i) dx[i] = factor * dy[i];
    });
    return y;
  }
  Context context_{{}, 1};
};

TEST_F(TapeTest, MultipliesAlongAChain) {
  Tape tape(context_);
  const Tensor w = tensor({1, 2}), dw = tensor({9, 9});
  tape.watch(w, dw);
  const Tensor y = scale(tape, scale(tape, w, 2), 3);
  tape.backward(y, tensor({1, 10}));
  EXPECT_EQ(dw.to_vector(), (std::vector<float>{6, 60}));
  EXPECT_EQ(tape.size(), 0U);
}

TEST_F(TapeTest, AddsWherePathsMeetAndNeverInPlace) {
  Tape tape(context_);
  const Tensor w = tensor({1}), dw = tensor({0});
  tape.watch(w, dw);
  const Tensor h = scale(tape, w, 2);   // reached three times
  const Tensor both = add(tape, h, h);  // the gradient of both terms is one tensor
  const Tensor y = add(tape, both, scale(tape, h, 5));
  const Tensor dy = tensor({1});
  tape.backward(y, dy);
  EXPECT_EQ(dw.to_vector(), (std::vector<float>{2 * (1 + 1 + 5)}));
  EXPECT_EQ(dy.to_vector(), (std::vector<float>{1}));
}

TEST_F(TapeTest, AddsToAParameterUsedTwice) {
  Tape tape(context_);
  const Tensor w = tensor({1, 1}), dw = tensor({7, 7});
  tape.watch(w, dw);
  const Tensor y = add(tape, scale(tape, w, 2), scale(tape, w, 3));
  tape.backward(y, tensor({1, 2}));
  EXPECT_EQ(dw.to_vector(), (std::vector<float>{5, 10}));
}

TEST_F(TapeTest, TakesAGivenGradientForAParameter) {
  Tape tape(context_);
  const Tensor w = tensor({3}), dw = tensor({7});
  tape.watch(w, dw);
  const Tensor y = add(tape, w, w);  // add hands its dy on instead of writing a destination
  tape.backward(y, tensor({4}));
  EXPECT_EQ(dw.to_vector(), (std::vector<float>{8}));
}

TEST_F(TapeTest, ComputesNothingThatNoParameterNeeds) {
  Tape tape(context_);
  const Tensor w = tensor({1}), dw = tensor({0}), x = tensor({1});
  tape.watch(w, dw);
  int calls = 0;
  const Tensor unneeded = scale(tape, x, 2, &calls);
  EXPECT_FALSE(tape.needs(unneeded));
  const Tensor y = add(tape, scale(tape, w, 2), unneeded);
  EXPECT_TRUE(tape.needs(y));
  tape.backward(y, tensor({1}));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(dw.to_vector(), (std::vector<float>{2}));
}

TEST_F(TapeTest, SkipsWhatTheOutputDoesNotDependOn) {
  Tape tape(context_);
  const Tensor w = tensor({1}), dw = tensor({0}), other = tensor({1}), dother = tensor({5});
  tape.watch(w, dw);
  tape.watch(other, dother);
  int calls = 0;
  const Tensor y = scale(tape, w, 2);
  scale(tape, other, 2, &calls);
  tape.backward(y, tensor({1}));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(dother.to_vector(), (std::vector<float>{0})) << "a parameter that was not reached has gradient zero";
}

TEST_F(TapeTest, RecordsNothingForInference) {
  Tape tape(context_, false);
  const Tensor w = tensor({1});
  tape.watch(w, tensor({0}));
  EXPECT_FALSE(tape.needs(w));
  scale(tape, w, 2);
  EXPECT_EQ(tape.size(), 0U);
}

TEST_F(TapeTest, CanBeUsedStepAfterStep) {
  Tape tape(context_);
  const Tensor w = tensor({1}), dw = tensor({0});
  tape.watch(w, dw);
  for (const float factor : {2.0F, 3.0F}) {
    tape.backward(scale(tape, w, factor), tensor({1}));
    EXPECT_EQ(dw.to_vector(), (std::vector<float>{factor})) << "gradients of steps are not added up";
  }
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Exit::internal);
    return e.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

TEST_F(TapeTest, NamesASavedTensorThatWasChanged) {
  Tape tape(context_);
  const Tensor w = tensor({1}), x = tensor({1});
  tape.watch(w, tensor({0}));
  tape.record("sample", {w}, x, [saved = Saved(w, "sample", "w")](Gradients& g) { g.give(0, saved.get()); });
  w.mark_changed();
  const std::string message = message_of([&] { tape.backward(x, tensor({1})); });
  EXPECT_NE(message.find("sample"), std::string::npos) << message;
  EXPECT_NE(message.find("'w'"), std::string::npos) << message;
}

TEST_F(TapeTest, RefusesAGradientOfAnotherShape) {
  Tape tape(context_);
  const Tensor w = tensor({1, 2}), y = tensor({1});
  tape.watch(w, tensor({0, 0}));
  tape.record("crooked", {w}, y, [this](Gradients& g) { g.give(0, tensor({1, 2, 3})); });
  const std::string message = message_of([&] { tape.backward(y, tensor({1})); });
  EXPECT_NE(message.find("crooked"), std::string::npos) << message;
  EXPECT_NE(message.find("1x1x1x3"), std::string::npos) << message;
  EXPECT_NE(message.find("1x1x1x2"), std::string::npos) << message;
}

TEST_F(TapeTest, RefusesABackwardThatForgetsAnInput) {
  Tape tape(context_);
  const Tensor w = tensor({1}), y = tensor({1});
  tape.watch(w, tensor({0}));
  tape.record("forgetful", {w}, y, [](Gradients&) {});
  EXPECT_NE(message_of([&] { tape.backward(y, tensor({1})); }).find("forgetful"), std::string::npos);
}

}  // namespace
}  // namespace karyon
