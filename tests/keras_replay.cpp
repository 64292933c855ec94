#include "tests/keras_replay.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>

#include "apps/models/parameters.h"
#include "engine/random.h"
#include "kernels/augment.h"
#include "kernels/check.h"
#include "kernels/copy.h"
#include "model/training_step.h"

namespace karyon {

namespace {

// One thread: the programs run beside others under ctest, and a replay is short.
constexpr int kThreads = 1;

/// Relative noise on the input. At 5e-7 the logits of step 1 move about as far as Keras's lie from Karyon's; a kink may
/// lie nearer or farther.
float noise_level(std::uint32_t seed) {
  constexpr std::array<float, 4> levels{3e-6F, 3e-7F, 1e-6F, 1e-6F};
  return levels[seed % levels.size()];
}

void add_rounding_noise(const Tensor& x, int step, const std::vector<std::uint32_t>& seeds) {
  if (std::all_of(seeds.begin(), seeds.end(), [](std::uint32_t seed) { return seed == 0; })) return;
  std::vector<float> values = x.to_vector();
  const std::size_t count = values.size() / seeds.size();
  for (std::size_t image = 0; image < seeds.size(); ++image) {
    if (seeds[image] == 0) continue;
    RandomStream random(seeds[image], Purpose::bench, static_cast<std::uint32_t>(step));
    const float level = noise_level(seeds[image]);
    for (std::size_t i = 0; i < count; ++i) values[image * count + i] *= 1.0F + random.uniform(-level, level);
  }
  x.assign(values);
}

void take_gradients(const KerasReference& r, const TrainingStep& step) {
  for (std::size_t i = 0; i < step.trained().size(); ++i) {
    const std::string name = "step1/grad/" + step.trained()[i].path;
    const auto found = r.expected.find(name);
    const Tensor& gradient = step.gradient(i);
    if (found == r.expected.end() || found->second.shape != gradient.shape()) {
      throw Error(Exit::bad_data, r.source + ": expected " + name + " of shape " + shape_text(gradient.shape()));
    }
    gradient.assign(found->second.values);
  }
}

/// Bytes of the host in the device's memory.
template <class T>
std::unique_ptr<Buffer> on_device(Context& context, const std::vector<T>& values) {
  auto buffer = std::make_unique<Buffer>(context, values.size() * sizeof(T));
  upload(context.stream(), buffer->template as<void>(), values.data(), values.size() * sizeof(T));
  return buffer;
}

}  // namespace

RoundingSeeds no_rounding(const KerasReference& reference) {
  return {static_cast<std::size_t>(reference.steps),
          std::vector<std::uint32_t>(static_cast<std::size_t>(reference.batch), 0)};
}

Results replay_training(const KerasReference& r, FirstUpdate first_update, const RoundingSeeds& seeds, int steps,
                        Device device) {
  Results ours;
  const auto keep = [&](const std::string& name, const Tensor& t) { ours[name] = {t.shape(), t.to_vector()}; };
  Context context(device, kThreads);
  UNet unet(context, r.options);
  assign_arrays(unet, "init/", r.init, {}, r.source);
  unet.encoder().set_frozen(!r.finetuned);
  TrainingStep step(context, unet, {});

  std::vector<std::int32_t> in_order(static_cast<std::size_t>(r.batch));
  std::iota(in_order.begin(), in_order.end(), 0);
  const auto images = on_device(context, r.images), masks = on_device(context, r.masks);
  const auto order = on_device(context, in_order);
  const Tensor x = Tensor::empty(context, {r.batch, r.h, r.w, 3});
  const auto load_images = [&](std::size_t s) {
    ON_DEVICE_AS((float), augment_images, context.stream(), images->as<std::uint8_t>() + s * r.pixels() * 3,
                 order->as<std::int32_t>(), nullptr, Normalisation(), x.view());
    x.mark_changed();
  };

  std::vector<float> losses, accuracies;
  for (std::size_t s = 0; s < static_cast<std::size_t>(steps); ++s) {
    load_images(s);
    add_rounding_noise(x, static_cast<int>(s), seeds[s]);
    Tensor logits;
    const XentCounts counts = step.compute_gradients(x, masks->as<std::uint8_t>() + s * r.pixels(), &logits);
    const auto n = static_cast<double>(counts.pixels);
    losses.push_back(static_cast<float>(counts.loss_sum / n));
    accuracies.push_back(static_cast<float>(static_cast<double>(counts.correct) / n));
    if (s == 0) {
      keep("step1/logits", logits);
      for (std::size_t i = 0; i < step.trained().size(); ++i) {
        keep("step1/grad/" + step.trained()[i].path, step.gradient(i));
      }
      if (steps == 1 && r.steps > 1) return ours;
      if (first_update == FirstUpdate::reference) take_gradients(r, step);
    }
    step.update();
  }
  ours["losses"] = {{r.steps}, losses};
  ours["accuracies"] = {{r.steps}, accuracies};
  for (const NamedParameter& p : unet.parameters()) keep("after5/" + p.path, p.parameter->value);
  unet.fold();
  load_images(0);
  keep("after5/eval_logits", unet.infer(x));
  return ours;
}

}  // namespace karyon
