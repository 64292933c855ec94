// Tensors, the flat block of parameters and Adam over it.
#include <cmath>

#include <gtest/gtest.h>

#include "engine/optimizer.h"
#include "kernels/check.h"

namespace karyon {
namespace {

TEST(Tensor, SharesNumbersAmongHandles) {
  Context context({}, 1);
  const Tensor a = Tensor::from(context, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = a;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
  b.data()[4] = 50;
  EXPECT_EQ(a.to_vector(), (std::vector<float>{1, 2, 3, 4, 50, 6}));
  EXPECT_EQ(a.id(), b.id());
}

TEST(Tensor, OfASmallerBatchTakesTheBlockOfAWholeOne) {
  Context context({}, 1);
  static_cast<void>(Tensor::empty(context, {32, 8, 8, 16}));
  const std::uint64_t allocations = context.memory().figures().device_allocations;
  context.set_room(21, 32);
  const Tensor last = Tensor::empty(context, {21, 8, 8, 16});
  EXPECT_EQ(last.shape(), (Shape{21, 8, 8, 16}));
  EXPECT_EQ(context.memory().figures().device_allocations, allocations);
}

TEST(Tensor, SlicesChannelsWithoutCopy) {
  Context context({}, 1);
  const Tensor a = Tensor::from(context, {1, 1, 2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor part = a.channels(1, 2);
  EXPECT_EQ(part.to_vector(), (std::vector<float>{2, 3, 5, 6}));
  EXPECT_EQ(part.view().pitch, 3);
  EXPECT_FALSE(part.dense());
  part.view().pixel(1)[0] = 7;
  EXPECT_EQ(a.to_vector()[4], 7);
  EXPECT_NE(part.id(), a.id());
  EXPECT_THROW(static_cast<void>(a.channels(2, 2)), Error);
}

TEST(Tensor, GivesItsMemoryBackWithTheLastHandle) {
  Context context({}, 1);
  const std::size_t before = context.memory().figures().active;
  {
    Tensor slice;
    {
      const Tensor a = Tensor::empty(context, {1000});
      slice = a.slice(10, {5});
    }
    EXPECT_GT(context.memory().figures().active, before);
  }
  EXPECT_EQ(context.memory().figures().active, before);
}

TEST(Tensor, StampsAreUniqueOverTensorsAndChanges) {
  Context context({}, 1);
  const Tensor a = Tensor::empty(context, {1}), b = Tensor::empty(context, {1});
  const std::uint64_t first = a.stamp();
  EXPECT_NE(first, b.stamp());
  const Tensor slice = a.slice(0, {1});
  slice.mark_changed();
  EXPECT_NE(a.stamp(), first) << "a slice's change is its whole's";
  EXPECT_NE(a.stamp(), b.stamp());
}

TEST(ParameterBlock, KeepsTheNumbersAndAlignsEach) {
  Context context({}, 1);
  Tensor a = Tensor::from(context, {3}, {1, 2, 3}), b = Tensor::from(context, {2, 2}, {4, 5, 6, 7});
  ParameterBlock block(context, {&a, &b});
  EXPECT_EQ(a.to_vector(), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(b.to_vector(), (std::vector<float>{4, 5, 6, 7}));
  EXPECT_EQ(b.data() - a.data(), 16) << "each parameter begins on a cache line of the one block";
  EXPECT_EQ(block.gradient(1).shape(), b.shape());
  EXPECT_EQ(block.gradient(1).data() - block.gradients().data(), 16);
}

TEST(Adam, FirstStepsAreKeras) {
  // By hand: with g constant, m / sqrt(v) after bias correction is sign(g), so every step moves by about lr.
  Context context({}, 1);
  Tensor w = Tensor::from(context, {2}, {1.0F, -2.0F});
  ParameterBlock block(context, {&w});
  Adam adam(context, block, {});
  for (int step = 1; step <= 3; ++step) {
    block.gradient(0).data()[0] = 0.5F;
    block.gradient(0).data()[1] = -4.0F;
    const std::uint64_t stamp = w.stamp();
    adam.step();
    EXPECT_NE(w.stamp(), stamp) << "packed copies of the weights must be found stale";
    EXPECT_NEAR(w.data()[0], 1.0F - 1e-3F * static_cast<float>(step), 2e-6F);
    EXPECT_NEAR(w.data()[1], -2.0F + 1e-3F * static_cast<float>(step), 2e-6F);
  }
  EXPECT_EQ(adam.steps(), 3);
}

TEST(Adam, LeavesAnEmptyBlockAlone) {
  Context context({}, 1);
  ParameterBlock block(context, {});
  Adam adam(context, block, {});
  adam.step();
  EXPECT_EQ(block.size(), 0);
}

TEST(Profile, CountsOnlyWhenEnabled) {
  Context context({}, 1);
  Profile& profile = context.profile();
  { const ProfileScope scope(profile, "off"); }
  profile.enable(true);
  { const ProfileScope scope(profile, "on", 1e9); }
  { const ProfileScope scope(profile, "on", 1e9); }
  const std::string table = profile.table(2);
  EXPECT_EQ(table.find("off"), std::string::npos);
  const std::size_t row = table.find("on ");
  ASSERT_NE(row, std::string::npos) << table;
  EXPECT_NE(table.find(" 2 ", row), std::string::npos) << table;
}

}  // namespace
}  // namespace karyon
