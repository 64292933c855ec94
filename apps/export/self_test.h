// Does a model still answer as it did when it was exported? On this machine, with this binary, from this file.
// Invariant: nothing is compared before every digest was verified; a model that says nothing of its answers is refused,
// never passed.
#pragma once

#include <filesystem>

#include "engine/context.h"

namespace karyon {

struct SelfTest {
  std::size_t compared = 0;  // numbers
  double max_error = 0;      // NaN when a number is one
  double tolerance = 0;      // absolute
  [[nodiscard]] bool ok() const { return max_error <= tolerance; }
};

/// `path` is a file of --export-half, whose probe (model_probe.h) is answered again, or a folder of
/// --export-bioimageio: each file's SHA-256 is verified, and the stored input goes through the network of
/// model.safetensors again. Error no_input or bad_data when it is neither, is damaged, or holds nothing to compare
/// with.
SelfTest run_self_test(Context& context, const std::filesystem::path& path);

}  // namespace karyon
