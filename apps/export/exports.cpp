#include "apps/export/exports.h"

#include <cstdio>

#include "apps/cli/output_folder.h"
#include "apps/export/bioimageio.h"
#include "apps/export/model_probe.h"
#include "apps/export/onnx_model.h"
#include "apps/export/self_test.h"
#include "apps/models/built_in_model.h"
#include "apps/models/model_file.h"
#include "engine/files.h"
#include "kernels/check.h"

namespace karyon {

namespace {

std::string export_model(Context& context, const std::string& path, const ExportOptions& options, bool exist_ok) {
  if (!options.onnx.empty()) check_new_file(options.onnx, "--export-onnx", exist_ok);
  if (!options.half.empty()) check_new_file(options.half, "--export-half", exist_ok);
  Checkpoint model = load_model(path);
  const std::unique_ptr<UNet> unet = load_unet(context, model, model_name(path));
  std::string said;
  if (!options.half.empty()) {
    write_file(options.half, half_model(context, model, model_name(path)));
    said += "half: " + options.half + "\n";
  }
  if (!options.onnx.empty()) {
    write_file(options.onnx, onnx_of(*unet, model));
    said += "onnx: " + options.onnx + "\n";
  }
  if (!options.bioimageio.empty()) {
    const OutputFolder folder(options.bioimageio, "", exist_ok);
    write_bioimageio(context, *unet, model, model_bytes(path), folder.path());
    said += "bioimageio: " + options.bioimageio + "\n";
  }
  return said;
}

std::string self_test(Context& context, const std::string& path) {
  const SelfTest result = run_self_test(context, path);
  char text[128];
  std::snprintf(text, sizeof text, "the largest difference of %zu numbers is %.3g, allowed %.3g", result.compared,
                result.max_error, result.tolerance);
  if (!result.ok()) {
    throw Error(Exit::internal,
                "--self-test " + path + ": the model does not answer as it did when it was exported: " + text);
  }
  return std::string("self_test: passed, ") + text + "\n";
}

}  // namespace

void add_export_flags(CommandLine& line, ExportOptions& options) {
  line.text("--export-onnx", options.onnx, "Write the model as an ONNX file that takes pixels from 0 to 255");
  line.text("--export-bioimageio", options.bioimageio, "Write the model as a folder for the tools of bioimage.io");
  line.text("--export-half", options.half, "Write the model with its kernels in 16 bits, half the size");
  line.text("--self-test", options.self_test,
            "Whether a model of --export-half or --export-bioimageio still answers as it did then; its own --model");
}

std::string run_exports(Context& context, const std::string& model, const ExportOptions& options, bool exist_ok) {
  std::string said;
  if (options.needs_model()) said += export_model(context, model, options, exist_ok);
  if (!options.self_test.empty()) said += self_test(context, options.self_test);
  return said;
}

}  // namespace karyon
