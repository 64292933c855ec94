#include "tests/export_case.h"

#include <string>

#include "apps/export/planar_network.h"
#include "engine/files.h"
#include "engine/random.h"

namespace karyon {

namespace {

NpyArray noise(std::int64_t images, std::int64_t height, std::int64_t width) {
  NpyArray image{{images, 3, height, width}, {}};
  RandomStream random(5, Purpose::bench);
  image.values.resize(static_cast<std::size_t>(images * 3 * height * width));
  for (float& value : image.values) value = static_cast<float>(random.below(256));
  return image;
}

}  // namespace

void write_export_case(Context& context, const UNet& unet, const Checkpoint& description,
                       const std::filesystem::path& folder) {
  int number = 0;
  for (const NpyArray& image : {noise(1, 128, 128), noise(3, 64, 96), noise(1, 32, 32)}) {
    const std::string name = std::to_string(number++) + ".npy";
    write_file(folder / ("image_" + name), encode_npy(image));
    write_file(folder / ("logits_" + name), encode_npy(planar_logits(context, unet, description.normalisation, image)));
  }
}

}  // namespace karyon
