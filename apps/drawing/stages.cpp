#include "apps/drawing/stages.h"

#include <set>
#include <string_view>

#include "kernels/check.h"

namespace karyon {

namespace {

bool opens_decoder_stage(const LayerRow& row) { return row.type == "Conv2DTranspose"; }

/// The layers that an encoder stage ends with: the last input of each transposed convolution.
std::set<std::string> taps_of(const ModelSummary& summary) {
  std::set<std::string> taps;
  for (const LayerRow& row : summary.layers) {
    if (!opens_decoder_stage(row)) continue;
    const std::size_t comma = row.inputs.rfind(", ");
    taps.insert(comma == std::string::npos ? row.inputs : row.inputs.substr(comma + 2));
  }
  return taps;
}

void add_layer(Stage& stage, const LayerRow& row) {
  if (stage.layers++ == 0) stage.first_layer = row.name;
  stage.h = row.h;
  stage.w = row.w;
  stage.c = row.c;
  stage.parameters += row.parameters;
  stage.multiply_adds += row.multiply_adds;
  stage.frozen = row.frozen;
}

}  // namespace

Stages stages_of(const ModelSummary& summary) {
  const std::set<std::string> taps = taps_of(summary);
  Stages stages;
  bool stage_ended = true;
  for (const LayerRow& row : summary.layers) {
    if (row.type == "Input") continue;
    const bool in_decoder = opens_decoder_stage(row) || !stages.decoder.empty();
    std::vector<Stage>& side = in_decoder ? stages.decoder : stages.encoder;
    if (in_decoder ? opens_decoder_stage(row) : stage_ended) side.emplace_back();
    add_layer(side.back(), row);
    if (opens_decoder_stage(row)) side.back().name = row.name.substr(0, row.name.find('/'));
    if (!in_decoder) side.back().name = row.name;
    stage_ended = taps.contains(row.name);
  }
  KARYON_CHECK(!stages.encoder.empty() && stages.encoder.size() == stages.decoder.size(),
               "a U-Net has as many decoder stages as encoder stages");
  return stages;
}

}  // namespace karyon
