// Exported models in the programs they are made for: ONNX Runtime, OpenVINO, bioimageio.core. Needs Python with their
// packages (tests/python_check.h), else skipped.
#include <gtest/gtest.h>

#include "apps/export/bioimageio.h"
#include "apps/export/onnx_model.h"
#include "apps/export/planar_network.h"
#include "engine/files.h"
#include "tests/export_models.h"
#include "tests/python_check.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

NpyArray noise(std::int64_t images, std::int64_t height, std::int64_t width) {
  NpyArray image{{images, 3, height, width}, {}};
  RandomStream random(5, Purpose::bench);
  image.values.resize(static_cast<std::size_t>(images * 3 * height * width));
  for (float& value : image.values) value = static_cast<float>(random.below(256));
  return image;
}

/// The model and what it answers to images of several sizes and numbers.
void write_case(const std::filesystem::path& folder, const ModelForm& form) {
  Context context(Device{}, 2);
  const Checkpoint model = model_to_export(form);
  const std::unique_ptr<UNet> unet = load_unet(context, model, "model");
  std::filesystem::create_directory(folder);
  write_file(folder / "model.onnx", onnx_of(*unet, model));
  int number = 0;
  for (const NpyArray& image : {noise(1, 128, 128), noise(3, 64, 96), noise(1, 32, 32)}) {
    const std::string name = std::to_string(number++) + ".npy";
    write_file(folder / ("image_" + name), encode_npy(image));
    write_file(folder / ("logits_" + name), encode_npy(planar_logits(context, *unet, model.normalisation, image)));
  }
}

TEST(ExportPython, OnnxRuntimeAndOpenVinoGiveOurLogits) {
  const TempDir dir;
  write_case(dir / "same", {});
  write_case(dir / "symmetric", {.padding = "symmetric", .classes = 3});
  write_case(dir / "standard", {.width = 1, .filters = {512, 256, 128, 64}, .classes = 3});
  const Checked checked = python_check("onnx_check.py", dir.path().string());
  if (checked.status == kNotInstalled || checked.status == kNoInterpreter) GTEST_SKIP() << checked.text;
  EXPECT_EQ(checked.status, 0) << checked.text;
}

TEST(ExportPython, BioimageioPasses) {
  for (const int classes : {2, 3}) {
    const TempDir dir;
    Context context(Device{}, 2);
    const Checkpoint model = model_to_export({.classes = classes});
    write_bioimageio(context, *load_unet(context, model, "model"), model, encode_checkpoint(model), dir.path());
    const Checked checked = python_check("bioimageio_check.py", dir.path().string());
    if (checked.status == kNotInstalled || checked.status == kNoInterpreter) GTEST_SKIP() << checked.text;
    EXPECT_EQ(checked.status, 0) << checked.text;
  }
}

}  // namespace
}  // namespace karyon
