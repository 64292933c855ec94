// Five training steps of a small U-Net as Keras took them: inputs, and everything that Keras computed from them.
// Invariant: what is returned is complete enough to be repeated: the initial weights are finite, labels are classes of
// the network, and sizes agree with each other. Whether the results are right is not looked at here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/unet.h"
#include "weights/named_array.h"

namespace karyon {

struct ResultTensor {
  Shape shape;
  std::vector<float> values;
};
/// By the name that the tensor has in the file: step1/logits, step1/grad/PATH, losses, accuracies, after5/PATH,
/// after5/eval_logits.
using Results = std::map<std::string, ResultTensor>;

struct KerasReference {
  std::string source;  // the file
  UNetOptions options;
  bool finetuned = false;  // else the encoder is frozen
  int steps = 0, batch = 0, h = 0, w = 0;
  std::vector<std::uint8_t> images;  // [steps, batch, h, w, 3]
  std::vector<std::uint8_t> masks;   // [steps, batch, h, w], class indices
  std::vector<NamedArray> init;      // init/PATH
  Results expected;                  // all other tensors of the file

  [[nodiscard]] std::size_t pixels() const;  // of one step
};

/// Error no_input when there is no file; bad_data when it is broken or its inputs are.
KerasReference read_keras_reference(const std::string& path);

}  // namespace karyon
