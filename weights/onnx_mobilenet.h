// MobileNetV2 found in an ONNX graph by its wiring, since an exporter's names may say nothing.
// Invariant: the layers come in the order of mobilenet_v2_convs(), the last 1x1 behind them; channels fit from layer to
// layer, sums, strides, padding and activations are those of the network (Sandler et al. 2018, table 2), and no other
// node is in the graph. Widths are taken as they are.
#pragma once

#include <optional>
#include <vector>

#include "weights/encoder_layout.h"
#include "weights/onnx_layers.h"

namespace karyon {

struct OnnxLayer {
  ConvRole role = ConvRole::stem;
  int block = 0;
  OnnxConv conv;
  std::optional<OnnxBatchNorm> batch_norm;  // nullopt: folded into the convolution, which has a bias then
};

struct OnnxMobileNet {
  std::vector<OnnxLayer> layers;         // 51, or 52 with the last 1x1
  std::optional<OnnxLinear> classifier;  // only behind the last 1x1
  OnnxPadding padding = OnnxPadding::symmetric;
};

/// Error bad_data naming the first place where the graph is another network's. Marks in `wiring` what it understood.
OnnxMobileNet find_mobilenet_v2(OnnxWiring& wiring);

}  // namespace karyon
