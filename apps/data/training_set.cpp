#include "apps/data/training_set.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "apps/data/class_labels.h"
#include "apps/data/crops.h"
#include "apps/data/dataset.h"
#include "apps/data/problems.h"
#include "apps/images/intensity.h"
#include "apps/images/resize.h"
#include "engine/memory.h"
#include "kernels/check.h"
#include "kernels/resize.h"

namespace karyon {
namespace {

/// The nuclei's numbers are resized as the four bytes that they are.
std::vector<std::uint32_t> resize_nuclei(Stream& stream, const Example& example, int height, int width) {
  const RawPicture& image = example.image;
  std::vector<std::uint32_t> to(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
  ON_DEVICE(resize_nearest, stream,
            View<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(example.nuclei->data()), 1, image.height,
                                     image.width, 4),
            View<std::uint8_t>(reinterpret_cast<std::uint8_t*>(to.data()), 1, height, width, 4));
  return to;
}

void take_example(TrainingSet& set, std::size_t index, const ExampleForm& form, Example& example, Stream& stream) {
  const std::size_t pixels = static_cast<std::size_t>(set.height) * static_cast<std::size_t>(set.width);
  if (form.crop) {
    Original& original = set.originals[index];
    original.labels.resize(example.image.count());
    class_labels(*example.nuclei, example.image.height, example.image.width, form.classes, original.labels.data());
    original.image = EightBits(std::move(example.image), Normalise::plain).rgb();
    cut_middle(set, index);
  } else {
    const std::vector<std::uint32_t> nuclei = resize_nuclei(stream, example, set.height, set.width);
    resize_picture(stream, EightBits(std::move(example.image), Normalise::plain).rgb(), set.height, set.width,
                   &set.images[index * pixels * 3]);
    class_labels(nuclei, set.height, set.width, form.classes, &set.labels[index * pixels]);
  }
  set.ids[index] = std::move(example.id);
  set.sha256[index] = std::move(example.sha256);
}

/// Closes the gaps that examples left out have left.
void keep_only(TrainingSet& set, const std::vector<std::size_t>& good) {
  const std::size_t pixels = static_cast<std::size_t>(set.height) * static_cast<std::size_t>(set.width);
  for (std::size_t to = 0; to < good.size(); ++to) {
    const std::size_t from = good[to];
    if (from == to) continue;
    std::copy_n(&set.images[from * pixels * 3], pixels * 3, &set.images[to * pixels * 3]);
    std::copy_n(&set.labels[from * pixels], pixels, &set.labels[to * pixels]);
    set.ids[to] = std::move(set.ids[from]);
    set.sha256[to] = std::move(set.sha256[from]);
    if (!set.originals.empty()) set.originals[to] = std::move(set.originals[from]);
  }
  if (!set.originals.empty()) set.originals.resize(good.size());
  set.images.resize(good.size() * pixels * 3);
  set.labels.resize(good.size() * pixels);
  set.ids.resize(good.size());
  set.sha256.resize(good.size());
}

}  // namespace

TrainingSet make_training_set(std::size_t count, int height, int width) {
  KARYON_CHECK(height > 0 && width > 0, "a size of at least 1 x 1");
  TrainingSet set;
  set.height = height;
  set.width = width;
  const std::size_t pixels = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  set.images.resize(count * pixels * 3);
  set.labels.resize(count * pixels);
  set.ids.resize(count);
  set.sha256.resize(count);
  return set;
}

TrainingSet load_training_set(const std::filesystem::path& path, const ExampleForm& form, int threads,
                              const Progress& progress, bool leave_out) {
  const Dataset data(std::span(&path, 1), leave_out ? Use::checking : Use::training);
  TrainingSet set = make_training_set(data.size(), form.height, form.width);
  if (form.crop) set.originals.resize(data.size());
  Allocator memory;
  std::vector<std::unique_ptr<Stream>> streams(static_cast<std::size_t>(std::max(threads, 1)));  // one a worker
  for (auto& stream : streams) stream = std::make_unique<Stream>(Device{}, 1, memory);
  std::vector<std::vector<std::string>> warnings(data.size());
  std::vector<std::optional<Error>> errors(data.size());
  for_each_item(data.size(), threads, progress, [&](std::size_t index, int worker) {
    try {
      Example example = data.load_example(index);
      take_example(set, index, form, example, *streams[static_cast<std::size_t>(worker)]);
      warnings[index] = std::move(example.warnings);
    } catch (const Error& error) {
      errors[index] = error;
    }
  });
  std::vector<std::string> problems = data.faults();
  std::vector<std::size_t> good;
  std::optional<Exit> code;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (!errors[i]) {
      good.push_back(i);
      continue;
    }
    if (!code) code = errors[i]->code();
    problems.emplace_back(errors[i]->what());
  }
  if (code && (!leave_out || good.empty())) {
    throw Error(*code, list_problems(path.string() + ": " + std::to_string(problems.size()) + " of " +
                                         std::to_string(data.size()) + " examples are broken",
                                     problems));
  }
  if (good.empty()) throw Error(Exit::bad_data, list_problems(path.string() + " has no good example", problems));
  if (good.size() < data.size()) keep_only(set, good);
  set.faults = std::move(problems);
  set.warnings = data.notes();
  for (const auto& of_one : warnings) set.warnings.insert(set.warnings.end(), of_one.begin(), of_one.end());
  take_stock(set);
  return set;
}

void take_stock(TrainingSet& set) {
  const std::size_t pixels = static_cast<std::size_t>(set.height) * static_cast<std::size_t>(set.width);
  set.background_images = 0;
  std::map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const std::span<const std::uint8_t> labels(&set.labels[i * pixels], pixels);
    const std::span<const std::uint8_t> seen = set.originals.empty() ? labels : set.originals[i].labels;
    if (std::ranges::all_of(seen, [](std::uint8_t label) { return label == 0; })) ++set.background_images;
    const auto [earlier, is_new] = first.emplace(set.sha256[i], i);
    if (!is_new) {
      set.warnings.push_back(set.ids[i] + " is the same picture as " + set.ids[earlier->second]);
    }
  }
}

}  // namespace karyon
