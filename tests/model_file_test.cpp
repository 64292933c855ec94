// The network out of a checkpoint: the same one, or a refusal before anything was allocated for it.
#include "apps/models/model_file.h"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

#include "apps/models/parameters.h"
#include "engine/random.h"
#include "tests/expect_error.h"
#include "tests/tiny_model.h"

namespace karyon {
namespace {

Tensor random_input(Context& context) {
  Tensor x = Tensor::empty(context, {2, 32, 32, 3});
  RandomStream random(3, Purpose::bench);
  for (std::int64_t i = 0; i < x.size(); ++i) x.data()[i] = random.uniform(-1, 1);
  return x;
}

TEST(ModelFile, BuildsTheSameNetworkAgain) {
  const Checkpoint checkpoint = tiny_checkpoint();
  Context context(Device{}, 1);
  const auto unet = load_unet(context, checkpoint, "tiny");
  const std::vector<NamedArray> arrays = to_arrays(*unet);
  ASSERT_EQ(arrays.size(), checkpoint.tensors.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    EXPECT_EQ(arrays[i].name, checkpoint.tensors[i].name);
    EXPECT_EQ(arrays[i].shape, checkpoint.tensors[i].shape);
    EXPECT_EQ(arrays[i].values, checkpoint.tensors[i].values) << arrays[i].name;
  }
  // Folding happened from these weights: another seed's network answers differently, the same one's equally.
  const Tensor x = random_input(context);
  const std::vector<float> answer = unet->infer(x).to_vector();
  EXPECT_EQ(load_unet(context, tiny_checkpoint(), "tiny")->infer(x).to_vector(), answer);
  EXPECT_NE(load_unet(context, tiny_checkpoint(1), "tiny")->infer(x).to_vector(), answer);
}

template <class Change>
void expect_refused(const std::vector<std::string>& parts, const Change& change) {
  Checkpoint checkpoint = tiny_checkpoint();
  change(checkpoint);
  Context context(Device{}, 1);
  const std::string message = error_of(Exit::bad_data, [&] { load_unet(context, checkpoint, "x.safetensors"); });
  EXPECT_EQ(message.find("x.safetensors"), 0U) << message;
  for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(ModelFile, RefusesWhatItCannotBuild) {
  expect_refused({"relu", "relu6"}, [](Checkpoint& c) { c.activation = "relu"; });
  expect_refused({"padding", "valid"}, [](Checkpoint& c) { c.padding = "valid"; });
  expect_refused({"3 decoder filters", "4"}, [](Checkpoint& c) { c.decoder_filters.pop_back(); });
  expect_refused({"1 class"}, [](Checkpoint& c) { c.classes = 1; });
  expect_refused({"100 x 32", "32"}, [](Checkpoint& c) { c.image_height = 100; });
}

TEST(ModelFile, RefusesTensorsThatDoNotFit) {
  expect_refused({"head/bias", "missing"}, [](Checkpoint& c) { c.tensors.pop_back(); });
  expect_refused({"encoder/Conv1/kernel", "missing"}, [](Checkpoint& c) { c.tensors.erase(c.tensors.begin()); });
  expect_refused({"unexpected", "more"}, [](Checkpoint& c) { c.tensors.push_back({"more", {1}, {0}}); });
  expect_refused({"head/kernel", "[3, 3, 2, 56]", "[3, 3, 3, 56]"}, [](Checkpoint& c) { c.classes = 3; });
  expect_refused({"up_2/batch_norm/gamma", "[8]", "[4, 2]"}, [](Checkpoint& c) {
    tensor_of(c, "up_2/batch_norm/gamma").shape = {4, 2};
  });
}

TEST(ModelFile, AllocatesNothingForAModelThatTheFileDoesNotHold) {
  const auto refused = [](const auto& change) {
    Checkpoint checkpoint = tiny_checkpoint();
    change(checkpoint);
    Context context(Device{}, 1);
    error_of(Exit::bad_data, [&] { load_unet(context, checkpoint, "x"); });
    EXPECT_EQ(context.memory().figures().peak, 0U);
  };
  refused([](Checkpoint& c) { c.width = 16; });
  refused([](Checkpoint& c) { c.decoder_filters = {65536, 65536, 65536, 65536}; });
  refused([](Checkpoint& c) { c.classes = 65536; });
}

}  // namespace
}  // namespace karyon
