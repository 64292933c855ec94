// The U-Net in bytes: the folded network with activations of 8 unsigned bits and weights of 8 signed ones, on the CPU.
// Invariant: real = step * (byte - zero) for every stored activation, one step and zero a layer; weights have a scale
// for each output, their input's step multiplied in, so that inputs of different steps add up in one integer sum. Sums
// are exact and rounded once, to the next layer's bytes: results depend neither on the thread count nor on the batch.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/augment.h"
#include "model/activation_ranges.h"
#include "model/unet.h"

namespace karyon {

class QuantisedUNet {
 public:
  /// Of a folded network on the CPU, which must live as long; normalisation: how its inputs were made from bytes. Error
  /// bad_data where `ranges` lack a layer.
  QuantisedUNet(Context& context, const UNet& unet, const Normalisation& normalisation, const ActivationRanges& ranges);
  ~QuantisedUNet();
  QuantisedUNet(const QuantisedUNet&) = delete;
  QuantisedUNet& operator=(const QuantisedUNet&) = delete;

  /// images: n x h x w x 3 bytes with at least one readable byte behind them; sides multiples of 32. Logits in float,
  /// n x h x w x classes.
  Tensor infer(const std::uint8_t* images, int n, int h, int w) const;

 private:
  struct Network;
  Context& context_;
  std::unique_ptr<Network> network_;
};

}  // namespace karyon
