// keras_parity FILE: repeats in Karyon the five training steps that Keras took, and compares all that FILE holds of
// them. Exit 0 when every tensor agrees, 1 when one does not, 65 for an unreadable file.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>

#include "apps/models/parameters.h"
#include "kernels/check.h"
#include "model/training_step.h"
#include "weights/safetensors.h"

namespace karyon {
namespace {

std::vector<int> parse_filters(const std::string& text, const std::string& source) {
  std::vector<int> numbers;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    int value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 1) throw Error(Exit::bad_data, source + ": decoder_filters \"" + text + "\"");
    numbers.push_back(value);
    at = next < end ? next + 1 : next;
  }
  if (numbers.size() != kUpsamplers) throw Error(Exit::bad_data, source + ": decoder_filters \"" + text + "\"");
  return numbers;
}

struct Expected {
  Shape shape;
  std::vector<float> values;
};

/// What the file holds: inputs and, under `expected`, everything else.
struct Reference {
  UNetOptions options;
  bool finetune = false;
  int steps = 0, batch = 0, h = 0, w = 0;
  std::vector<std::uint8_t> images, masks;
  std::vector<NamedArray> init;
  std::map<std::string, Expected> expected;
};

const std::string& metadata(const SafetensorsFile& file, const char* key, const std::string& source) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) throw Error(Exit::bad_data, source + ": the metadata has no \"" + key + "\"");
  return found->second;
}

Reference read_reference(const std::string& path) {
  const SafetensorsFile file(std::filesystem::path{path});
  Reference r;
  const std::string& alpha = metadata(file, "alpha", path);
  const auto [end, error] = std::from_chars(alpha.data(), alpha.data() + alpha.size(), r.options.encoder.width);
  if (error != std::errc() || !(r.options.encoder.width > 0))
    throw Error(Exit::bad_data, path + ": alpha \"" + alpha + "\"");
  const std::vector<int> filters = parse_filters(metadata(file, "decoder_filters", path), path);
  std::copy(filters.begin(), filters.end(), r.options.filters.begin());

  const ArchiveEntry *images = file.find("images_uint8_nhwc"), *masks = file.find("masks_uint8");
  if (images == nullptr || masks == nullptr || images->type != ElementType::u8 || masks->type != ElementType::u8 ||
      images->shape.size() != 5 || masks->shape.size() != 4 || images->shape[4] != 3 ||
      !std::equal(masks->shape.begin(), masks->shape.end(), images->shape.begin())) {
    throw Error(Exit::bad_data,
                path + ": expected images_uint8_nhwc [steps, n, h, w, 3] and masks_uint8 [steps, n, h, w]");
  }
  r.steps = static_cast<int>(images->shape[0]);
  r.batch = static_cast<int>(images->shape[1]);
  r.h = static_cast<int>(images->shape[2]);
  r.w = static_cast<int>(images->shape[3]);
  if (r.steps < 1 || r.batch < 1 || r.h < 1 || r.w < 1 || r.h % kSizeMultiple != 0 || r.w % kSizeMultiple != 0) {
    throw Error(Exit::bad_data, path + ": images must be multiples of 32 on both sides");
  }
  r.images = file.read(images->name);
  r.masks = file.read(masks->name);
  for (const ArchiveEntry& entry : file.entries()) {
    if (entry.name == images->name || entry.name == masks->name) continue;
    if (entry.name.starts_with("init/")) {
      r.init.push_back({entry.name, entry.shape, file.read_floats(entry.name)});
      continue;
    }
    if (entry.name.starts_with("step1/grad/encoder/")) r.finetune = true;
    r.expected[entry.name] = {Shape(entry.shape.begin(), entry.shape.end()), file.read_floats(entry.name)};
  }
  const auto head =
      std::find_if(r.init.begin(), r.init.end(), [](const NamedArray& a) { return a.name == "init/head/bias"; });
  if (head != r.init.end()) r.options.classes = static_cast<int>(head->values.size());
  return r;
}

/// Everything of ours that can stand in the file, by its name there.
std::map<std::string, Expected> repeat_training(const Reference& r, const std::string& source) {
  std::map<std::string, Expected> ours;
  const auto keep = [&](const std::string& name, const Tensor& t) { ours[name] = {t.shape(), t.to_vector()}; };
  Context context({}, 2);
  UNet unet(context, r.options);
  assign_arrays(unet, "init/", r.init, {}, source);
  unet.encoder().set_frozen(!r.finetune);
  TrainingStep step(context, unet, {});

  std::vector<std::int32_t> order(static_cast<std::size_t>(r.batch));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  const std::size_t pixels =
      static_cast<std::size_t>(r.batch) * static_cast<std::size_t>(r.h) * static_cast<std::size_t>(r.w);
  const Tensor x = Tensor::empty(context, {r.batch, r.h, r.w, 3});
  const auto load = [&](int s) {
    ON_DEVICE(augment_images, context.stream(), r.images.data() + static_cast<std::size_t>(s) * pixels * 3,
              order.data(), nullptr, Normalisation(), x.view());
    return r.masks.data() + static_cast<std::size_t>(s) * pixels;
  };
  std::vector<float> losses, accuracies;
  for (int s = 0; s < r.steps; ++s) {
    Tensor logits;
    const XentCounts counts = step.compute_gradients(x, load(s), &logits);
    const auto n = static_cast<double>(counts.pixels);
    losses.push_back(static_cast<float>(counts.loss_sum / n));
    accuracies.push_back(static_cast<float>(static_cast<double>(counts.correct) / n));
    if (s == 0) {
      keep("step1/logits", logits);
      for (std::size_t i = 0; i < step.trained().size(); ++i)
        keep("step1/grad/" + step.trained()[i].path, step.gradient(i));
    }
    step.update();
  }
  ours["losses"] = {{r.steps}, losses};
  ours["accuracies"] = {{r.steps}, accuracies};
  for (const NamedParameter& p : unet.parameters()) keep("after5/" + p.path, p.parameter->value);
  unet.fold();
  load(0);
  keep("after5/eval_logits", unet.infer(x));
  return ours;
}

struct Deviation {
  double worst = 0;  // absolute
  double range = 0;  // of the reference
  double relative_l2 = 0;
  double norm = 0;  // of the reference
};

Deviation deviation(const std::vector<float>& expected, const std::vector<float>& got) {
  Deviation d;
  double low = static_cast<double>(expected[0]), high = low, difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]), delta = std::abs(e - static_cast<double>(got[i]));
    d.worst = delta <= d.worst ? d.worst : delta;  // a NaN stays
    low = std::min(low, e);
    high = std::max(high, e);
    difference += delta * delta;
    norm += e * e;
  }
  d.range = high - low;
  d.norm = std::sqrt(norm);
  d.relative_l2 = std::sqrt(difference) / std::max(d.norm, 1e-30);
  return d;
}

int compare(const std::string& path, bool verbose) {
  const Reference r = read_reference(path);
  const std::map<std::string, Expected> ours = repeat_training(r, path);
  for (const auto& [name, e] : r.expected) {
    const auto found = ours.find(name);
    if (found == ours.end()) throw Error(Exit::bad_data, path + ": " + name + " is nothing that training gives");
    if (found->second.shape != e.shape)
      throw Error(Exit::bad_data, path + ": " + name + " has shape " + shape_text(e.shape) + ", expected " +
                                      shape_text(found->second.shape));
    const Deviation d = deviation(e.values, found->second.values);
    if (verbose)
      std::printf("%-60s worst %.3g range %.3g ratio %.3g l2 %.3g norm %.3g\n", name.c_str(), d.worst, d.range,
                  d.worst / std::max(d.range, 1e-30), d.relative_l2, d.norm);
  }
  return 0;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: keras_parity FILE\n");
    return 2;
  }
  try {
    return karyon::compare(argv[1], argc > 2);
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "keras_parity: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
