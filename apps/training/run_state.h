// All that a run needs to go on as if it had never stopped: state/last.safetensors.
// Invariant: decode(encode(x)) == x to the last bit. It is the last thing written at a save, so what lies beside it
// (weights, history) is as new or newer, and is written again, with the same bytes, when the run goes on from it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/training/history.h"
#include "engine/optimizer.h"
#include "engine/schedule.h"
#include "kernels/step_window.h"
#include "model/training_step.h"
#include "weights/named_array.h"

namespace karyon {

struct RunState {
  std::string config;  // config.toml as it was
  std::string split;   // split.json as it was
  int epoch = 1;       // under way, from 1
  int step = 0;        // how many of its steps are done
  EpochCounts counts;  // of these steps
  double wall_seconds = 0;
  std::vector<EpochResult> history;  // of the epochs that are done
  PlateauState plateau;
  std::vector<NamedArray> untrained;  // statistics and frozen parameters
  OptimizerState optimizer;           // with the values of the trained ones
};

/// Fills in `untrained` and `optimizer`. Waits for what is queued.
void take_weights(RunState& state, UNet& unet, TrainingStep& step);
/// The inverse. Error bad_data, with nothing changed, when they are of another network or other settings.
void restore_weights(const RunState& state, UNet& unet, TrainingStep& step);

/// Writes it whole, and reads it back before the one before it goes. Errors of write_file; io when something else is
/// read back than was written, and then the one before it is in its place again.
void save_state(const std::filesystem::path& run, RunState state);

/// The newest whole state in the run's folder, nullopt when none was saved yet. A broken one is passed over for the one
/// before it where there is one, and `warning` then says so. Error bad_data when all that is there is broken.
std::optional<RunState> load_state(const std::filesystem::path& run, std::string& warning);

}  // namespace karyon
