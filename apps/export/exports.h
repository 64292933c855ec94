// The flags by which a model leaves Karyon, or is tested, and what they do.
// Invariant: nothing that exists is overwritten unless told so, and that is found out before the model is computed
// with.
#pragma once

#include <string>

#include "apps/cli/command_line.h"
#include "engine/context.h"

namespace karyon {

struct ExportOptions {
  std::string onnx, bioimageio, half;  // where to write; empty: not asked for
  std::string self_test;               // the model to test; empty: not asked for
  [[nodiscard]] bool any() const { return needs_model() || !self_test.empty(); }
  [[nodiscard]] bool needs_model() const { return !onnx.empty() || !bioimageio.empty() || !half.empty(); }
};

/// Adds --export-onnx, --export-bioimageio, --export-half and --self-test.
void add_export_flags(CommandLine& line, ExportOptions& options);

/// Exports the checkpoint `model` ("": the one in the box) and runs the self-test, as far as asked for. Returns lines
/// of "key: value" that say what came of it. Error cannot_create when a file exists and may not be overwritten,
/// internal when the self-test fails, and those of load_checkpoint, load_unet, run_self_test and write_file.
std::string run_exports(Context& context, const std::string& model, const ExportOptions& options, bool exist_ok);

}  // namespace karyon
