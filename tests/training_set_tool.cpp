// training_set_tool DATA SIZE OUT: writes a data set as training sees it, every picture at SIZE x SIZE, into the
// folders OUT/inputs and OUT/masks: small enough to carry along, and training on it gives what training on DATA gives.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/cli/cpus.h"
#include "apps/data/training_set.h"
#include "apps/images/png.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "model/unet.h"

namespace karyon {
namespace {

constexpr int kMostSide = 4096;
constexpr std::uint8_t kForeground = 255;

/// Picture `index` of a dense array of pictures.
Picture picture_of(const std::vector<std::uint8_t>& pixels, std::size_t index, int size, int channels) {
  Picture picture(size, size, channels);
  const std::size_t bytes = picture.pixels.size();
  const auto first = pixels.begin() + static_cast<std::ptrdiff_t>(index * bytes);
  picture.pixels.assign(first, first + static_cast<std::ptrdiff_t>(bytes));
  return picture;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) throw Error(Exit::usage, "usage: training_set_tool DATA SIZE OUT");
  const int size = std::atoi(arguments[1].c_str());
  if (size < kSizeMultiple || size > kMostSide || size % kSizeMultiple != 0) {
    throw Error(Exit::usage, "SIZE " + arguments[1] + ": expected a multiple of 32 up to 4096");
  }
  const std::filesystem::path out = arguments[2];
  std::filesystem::create_directories(out / "inputs");
  std::filesystem::create_directories(out / "masks");
  const TrainingSet set = load_training_set(arguments[0], {size, size}, allowed_cpus());
  for (std::size_t i = 0; i < set.size(); ++i) {
    const std::string file = set.ids[i] + ".png";
    write_file(out / "inputs" / file, encode_png(picture_of(set.images, i, size, 3)));
    Picture mask = picture_of(set.labels, i, size, 1);
    for (std::uint8_t& pixel : mask.pixels) pixel = pixel != 0 ? kForeground : 0;
    write_file(out / "masks" / file, encode_png(mask));
  }
  std::printf("%zu pictures of %dx%d: %s\n", set.size(), size, size, out.string().c_str());
  return 0;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    return karyon::run({argv + 1, argv + argc});
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "training_set_tool: %s\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::filesystem::filesystem_error& e) {
    std::fprintf(stderr, "training_set_tool: %s\n", e.what());
    return static_cast<int>(karyon::Exit::cannot_create);
  }
}
