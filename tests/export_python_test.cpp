// Exported models in the programs they are made for: ONNX Runtime, OpenVINO, bioimageio.core. Needs Python with their
// packages (tests/python_check.h), else skipped.
#include <gtest/gtest.h>

#include "apps/export/bioimageio.h"
#include "apps/export/onnx_model.h"
#include "engine/files.h"
#include "tests/export_case.h"
#include "tests/export_models.h"
#include "tests/python_check.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

/// The model and what it answers to images of several sizes and numbers.
void write_case(const std::filesystem::path& folder, const ModelForm& form) {
  Context context(Device{}, 2);
  const Checkpoint model = model_to_export(form);
  const std::unique_ptr<UNet> unet = load_unet(context, model, "model");
  std::filesystem::create_directory(folder);
  write_file(folder / "model.onnx", onnx_of(*unet, model));
  write_export_case(context, *unet, model, folder);
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
