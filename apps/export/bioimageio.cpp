#include "apps/export/bioimageio.h"

#include <algorithm>
#include <cmath>

#include "apps/data/synthetic.h"
#include "apps/export/onnx_model.h"
#include "apps/export/planar_network.h"
#include "apps/images/png.h"
#include "apps/inference/predictor.h"
#include "apps/nuclei/overlay.h"
#include "engine/files.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

/// The first made-up fluorescence picture that has nuclei in it.
Picture sample_picture(int height, int width) {
  for (std::uint32_t index = 0;; ++index) {
    SyntheticPicture sample = make_synthetic_picture(0, index, height, width);
    if (sample.look == Look::fluorescence && sample.count > 0) return std::move(sample.image);
  }
}

NpyArray planar(const Picture& picture) {
  NpyArray array{{1, 3, picture.height, picture.width}, std::vector<float>(picture.pixels.size())};
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    array.values[i % 3 * picture.count() + i / 3] = picture.pixels[i];
  }
  return array;
}

/// A class's probabilities as the map that nuclei are split from.
std::vector<std::uint8_t> bytes_of(const NpyArray& probabilities, std::size_t which, bool complement) {
  const auto pixels = static_cast<std::size_t>(probabilities.shape[2] * probabilities.shape[3]);
  std::vector<std::uint8_t> bytes(pixels);
  for (std::size_t i = 0; i < pixels; ++i) {
    const float p = probabilities.values[which * pixels + i];
    bytes[i] = static_cast<std::uint8_t>(std::lround(255.0F * (complement ? 1 - p : p)));
  }
  return bytes;
}

/// The picture, and beside it the same with what was found outlined.
Picture cover(const Picture& picture, const NpyArray& probabilities, const Checkpoint& model) {
  const std::vector<std::uint8_t> interior =
      model.classes > 2 ? bytes_of(probabilities, 1, false) : std::vector<std::uint8_t>();
  const LabelImage nuclei =
      split_nuclei(picture.width, picture.height, bytes_of(probabilities, 0, true), interior, split_settings(model), 1);
  RawPicture raw(picture.width, picture.height, 3, 8);
  raw.narrow = picture.pixels;
  const Picture outlined = draw_overlay(EightBits(std::move(raw), Normalise::plain), nuclei);
  Picture result(2 * picture.width, picture.height, 3);
  const auto row = static_cast<std::ptrdiff_t>(picture.width) * 3;
  for (std::ptrdiff_t y = 0; y < picture.height; ++y) {
    std::copy_n(picture.pixels.begin() + y * row, row, result.pixels.begin() + 2 * y * row);
    std::copy_n(outlined.pixels.begin() + y * row, row, result.pixels.begin() + (2 * y + 1) * row);
  }
  return result;
}

}  // namespace

void write_bioimageio(Context& context, const UNet& unet, const Checkpoint& description,
                      std::span<const std::uint8_t> checkpoint_bytes, const std::filesystem::path& folder) {
  const Picture picture = sample_picture(description.image_height, description.image_width);
  const NpyArray input = planar(picture);
  const NpyArray output = planar_softmax(planar_logits(context, unet, description.normalisation, input));

  std::map<std::string, std::string> digests;
  const auto write = [&](const char* name, std::span<const std::uint8_t> bytes) {
    write_file(folder / name, bytes);
    digests.emplace(name, sha256_hex(bytes));
  };
  write(kModelFile, checkpoint_bytes);
  write(kOnnxFile, onnx_of(unet, description));
  write(kTestInputFile, encode_npy(input));
  write(kTestOutputFile, encode_npy(output));
  write(kCoverFile, encode_png(cover(picture, output, description)));
  const std::string documentation = bioimageio_documentation(description);
  write(kDocumentationFile, {reinterpret_cast<const std::uint8_t*>(documentation.data()), documentation.size()});
  write_file(folder / kDescriptionFile, bioimageio_description(description, digests).dump(2) + "\n");
}

}  // namespace karyon
