// What each epoch gave, as a row of history.csv and as a line for the user.
// Invariant: history.csv is written whole after every epoch; its columns and their order are fixed (new ones go
// behind).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/metrics.h"

namespace karyon {

struct EpochResult {
  int epoch = 0;  // from 1
  Scores train, validation;
  double learning_rate = 0;
  double images_per_second = 0;  // of the training pass
  double wall_seconds = 0;       // since the start of the run
  double memory_mb = 0;          // the most the process has held; on CUDA, in the device's memory
};

/// The text of history.csv.
std::string history_csv(const std::vector<EpochResult>& history);
/// The text of history.jsonl: an object an epoch, with the columns of history.csv as they stand there.
std::string history_jsonl(const std::vector<EpochResult>& history);
/// "Epoch 3/12 - 8s - loss: 0.1021 - accuracy: 0.9620 - val_loss: ... - 55.1 images/s".
std::string epoch_line(const EpochResult& result, int epochs, double seconds);
/// The process's peak resident memory in MB (10^6 bytes).
double peak_memory_mb();

}  // namespace karyon
