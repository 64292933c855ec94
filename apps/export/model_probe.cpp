#include "apps/export/model_probe.h"

#include "apps/export/planar_network.h"
#include "apps/models/model_file.h"
#include "engine/random.h"

namespace karyon {

namespace {

constexpr std::int64_t kSide = 64, kBlock = 8;
constexpr std::int64_t kStep = 16;  // from one pixel of the probe to the next

NpyArray probe_image() {
  NpyArray image{{1, 3, kSide, kSide}, {}};
  std::vector<float> blocks(3 * (kSide / kBlock) * (kSide / kBlock));
  RandomStream random(0, Purpose::bench);
  for (float& value : blocks) value = static_cast<float>(random.below(256));
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < kSide; ++y) {
      for (std::int64_t x = 0; x < kSide; ++x) {
        const std::int64_t block = (c * (kSide / kBlock) + y / kBlock) * (kSide / kBlock) + x / kBlock;
        image.values.push_back(blocks[static_cast<std::size_t>(block)]);
      }
    }
  }
  return image;
}

}  // namespace

std::vector<float> model_probe(Context& context, const UNet& unet, const Normalisation& normalisation) {
  const NpyArray logits = planar_logits(context, unet, normalisation, probe_image());
  std::vector<float> probe;
  for (std::int64_t c = 0; c < logits.shape[1]; ++c) {
    for (std::int64_t y = kStep / 2; y < kSide; y += kStep) {
      for (std::int64_t x = kStep / 2; x < kSide; x += kStep) {
        probe.push_back(logits.values[static_cast<std::size_t>((c * kSide + y) * kSide + x)]);
      }
    }
  }
  return probe;
}

std::vector<std::uint8_t> half_model(Context& context, const Checkpoint& checkpoint, const std::string& source) {
  Checkpoint rounded = decode_checkpoint(encode_checkpoint(checkpoint, Storage::half), source);
  rounded.probe = model_probe(context, *load_unet(context, rounded, source), rounded.normalisation);
  return encode_checkpoint(rounded, Storage::half);
}

}  // namespace karyon
