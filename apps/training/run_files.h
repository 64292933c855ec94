// The small files of a run folder: what it was told, where it ran, and that it is done.
// Invariant: config.toml is there before anything that takes time, so that --resume finds it; DONE is written last.
#pragma once

#include <filesystem>
#include <string>

#include "apps/training/options.h"
#include "apps/training/run_state.h"
#include "apps/training/training_result.h"
#include "kernels/stream.h"

namespace karyon {

/// The text of env.json: versions, processor, device, host, time, working directory and command line.
std::string environment_json(int argc, const char* const* argv, Device device, int threads);

/// Settings that differ between the saved run and the present one and change its results, one a line; empty for none.
std::string differences(const std::string& saved_config, const std::string& present_config);

}  // namespace karyon
