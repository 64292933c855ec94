#include "apps/data/synthetic.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "apps/data/class_labels.h"
#include "apps/data/render.h"
#include "apps/data/scene.h"
#include "apps/images/png.h"
#include "engine/files.h"
#include "engine/random.h"
#include "kernels/check.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

std::string id_of(std::uint32_t index) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "synthetic_%06u", index);
  return text.data();
}

Picture with_alpha(const Picture& rgb) {
  Picture rgba(rgb.width, rgb.height, 4);
  for (std::size_t i = 0; i < rgb.count(); ++i) {
    std::copy_n(&rgb.pixels[3 * i], 3, &rgba.pixels[4 * i]);
    rgba.pixels[4 * i + 3] = 255;
  }
  return rgba;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(Exit::cannot_create, "cannot make the folder " + folder.string() + ": " + error.message());
}

void write_example(const std::filesystem::path& folder, const std::string& id, const SyntheticPicture& made) {
  make_folder(folder / id / "images");
  make_folder(folder / id / "masks");
  write_file(folder / id / "images" / (id + ".png"), encode_png(with_alpha(made.image)));
  for (int nucleus = 1; nucleus <= made.count; ++nucleus) {
    Picture mask(made.image.width, made.image.height, 1);
    std::transform(made.instances.begin(), made.instances.end(), mask.pixels.begin(),
                   [nucleus](std::uint16_t value) { return value == nucleus ? std::uint8_t{255} : std::uint8_t{0}; });
    write_file(folder / id / "masks" / (id + "_" + std::to_string(nucleus) + ".png"), encode_png(mask));
  }
}

}  // namespace

SyntheticPicture make_synthetic_picture(std::uint64_t seed, std::uint32_t index, int height, int width) {
  KARYON_CHECK(height > 0 && width > 0, "a size of at least 1 x 1");
  RandomStream random(seed, Purpose::synthetic, index);
  SyntheticPicture made;
  made.look = static_cast<Look>(random.below(3));
  Scene scene = make_scene(random, height, width);
  made.image = made.look == Look::fluorescence ? render_fluorescence(scene, random)
               : made.look == Look::tissue     ? render_tissue(scene, random)
                                               : render_bright_field(scene, random);
  made.count = scene.count;
  made.instances = std::move(scene.instances);
  return made;
}

TrainingSet make_synthetic_set(std::uint64_t seed, std::uint32_t count, int height, int width, int threads,
                               const Progress& progress, int classes) {
  TrainingSet set = make_training_set(count, height, width);
  const std::size_t pixels = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  for_each_item(count, threads, progress, [&](std::size_t index, int /*worker*/) {
    const auto number = static_cast<std::uint32_t>(index);
    const SyntheticPicture made = make_synthetic_picture(seed, number, height, width);
    std::copy(made.image.pixels.begin(), made.image.pixels.end(), &set.images[index * pixels * 3]);
    class_labels(std::vector<std::uint32_t>(made.instances.begin(), made.instances.end()), height, width, classes,
                 &set.labels[index * pixels]);
    set.ids[index] = id_of(number);
    set.sha256[index] = sha256_hex(made.image.pixels);
  });
  take_stock(set);
  return set;
}

void write_synthetic_set(const std::filesystem::path& folder, std::uint64_t seed, std::uint32_t first,
                         std::uint32_t count, int height, int width, int threads, const Progress& progress) {
  for_each_item(count, threads, progress, [&](std::size_t offset, int /*worker*/) {
    const std::uint32_t index = first + static_cast<std::uint32_t>(offset);
    write_example(folder, id_of(index), make_synthetic_picture(seed, index, height, width));
  });
}

}  // namespace karyon
