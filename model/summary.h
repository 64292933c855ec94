// The network as a table, as Keras's summary() prints it, with multiply-adds.
// Invariant: shapes and counts come from the modules themselves, not from a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/unet.h"

namespace karyon {

struct LayerRow {
  std::string name, type;
  int h = 0, w = 0, c = 0;  // of the output
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;  // one image, forward
  std::string inputs;              // names, separated by ", "
  bool frozen = false;             // gets no gradient; true of layers without parameters as well
};

struct ModelSummary {
  std::vector<LayerRow> layers;
  std::int64_t parameters = 0, trainable = 0;
  std::int64_t multiply_adds = 0;
};

/// For images of this size (multiples of 32).
ModelSummary summarise(UNet& unet, int h, int w);
std::string summary_text(const ModelSummary& summary);
/// "1,234,567".
std::string with_commas(std::int64_t number);

}  // namespace karyon
