#include "tests/keras_reference.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "kernels/check.h"
#include "weights/safetensors.h"

namespace karyon {

namespace {

// Beyond these no network of this kind has been seen; they bound what a broken file can make us allocate.
constexpr double kMaxWidth = 4;
constexpr int kMaxFilters = 4096;
constexpr float kMaxWeight = 1e6F;

const std::string& metadata(const SafetensorsFile& file, const std::string& key, const std::string& source) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) throw Error(Exit::bad_data, source + ": the metadata has no \"" + key + "\"");
  return found->second;
}

double parse_width(const std::string& text, const std::string& source) {
  double width = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
  if (error != std::errc() || end != text.data() + text.size() || !(width > 0 && width <= kMaxWidth)) {
    throw Error(Exit::bad_data, source + ": alpha \"" + text + "\", expected a width multiplier such as 0.35");
  }
  return width;
}

std::array<int, kUpsamplers> parse_filters(const std::string& text, const std::string& source) {
  std::array<int, kUpsamplers> filters{};
  const char *at = text.data(), *end = at + text.size();
  bool good = true;
  for (std::size_t i = 0; good && i < filters.size(); ++i) {
    const auto [next, error] = std::from_chars(at, end, filters[i]);
    const bool last = i + 1 == filters.size();
    good = error == std::errc() && filters[i] >= 1 && filters[i] <= kMaxFilters && (last == (next == end)) &&
           (last || *next == ',');
    at = good && !last ? next + 1 : next;
  }
  if (!good)
    throw Error(Exit::bad_data, source + ": decoder_filters \"" + text + "\", expected four such as 32,24,16,8");
  return filters;
}

void read_inputs(const SafetensorsFile& file, KerasReference& r) {
  const ArchiveEntry *images = file.find("images_uint8_nhwc"), *masks = file.find("masks_uint8");
  if (images == nullptr || masks == nullptr || images->type != ArchiveType::u8 || masks->type != ArchiveType::u8 ||
      images->shape.size() != 5 || masks->shape.size() != 4 || images->shape[4] != 3 ||
      !std::equal(masks->shape.begin(), masks->shape.end(), images->shape.begin())) {
    throw Error(Exit::bad_data, r.source +
                                    ": expected images_uint8_nhwc [steps, n, h, w, 3] and masks_uint8 [steps, n, h, w],"
                                    " both uint8");
  }
  r.steps = static_cast<int>(images->shape[0]);
  r.batch = static_cast<int>(images->shape[1]);
  r.h = static_cast<int>(images->shape[2]);
  r.w = static_cast<int>(images->shape[3]);
  if (r.steps < 1 || r.batch < 1 || r.h < 1 || r.w < 1 || r.h % kSizeMultiple != 0 || r.w % kSizeMultiple != 0) {
    throw Error(Exit::bad_data, r.source + ": images must be multiples of 32 on both sides");
  }
  r.images = file.read(images->name);
  r.masks = file.read(masks->name);
}

}  // namespace

std::size_t KerasReference::pixels() const {
  return static_cast<std::size_t>(batch) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w);
}

KerasReference read_keras_reference(const std::string& path) {
  const SafetensorsFile file(std::filesystem::path{path});
  KerasReference r;
  r.source = path;
  r.options.encoder.width = parse_width(metadata(file, "alpha", path), path);
  r.options.filters = parse_filters(metadata(file, "decoder_filters", path), path);
  read_inputs(file, r);
  for (const ArchiveEntry& entry : file.entries()) {
    if (entry.name == "images_uint8_nhwc" || entry.name == "masks_uint8") continue;
    if (entry.name.starts_with("init/")) {
      r.init.push_back({entry.name, entry.shape, file.read_floats(entry.name)});
      const std::string unfit = unfit_value(r.init.back(), kMaxWeight);
      if (!unfit.empty()) throw Error(Exit::bad_data, std::string(path).append(": ").append(unfit));
      continue;
    }
    r.finetuned = r.finetuned || entry.name.starts_with("step1/grad/encoder/");
    r.expected[entry.name] = {Shape(entry.shape.begin(), entry.shape.end()), file.read_floats(entry.name)};
  }
  const auto head =
      std::find_if(r.init.begin(), r.init.end(), [](const NamedArray& a) { return a.name == "init/head/bias"; });
  if (head != r.init.end()) r.options.classes = static_cast<int>(head->values.size());
  const int highest = *std::max_element(r.masks.begin(), r.masks.end());
  if (highest >= r.options.classes) {
    throw Error(Exit::bad_data, path + ": masks_uint8 holds class " + std::to_string(highest) +
                                    ", but the network has " + std::to_string(r.options.classes));
  }
  return r;
}

}  // namespace karyon
