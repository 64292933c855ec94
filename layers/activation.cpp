#include "layers/activation.h"

namespace karyon {

Tensor activation(Tape& tape, const Tensor& x, Activation act) {
  const Tensor y = Tensor::empty(tape.context(), x.shape());
  ON_DEVICE(activation_forward, tape.stream(), x.view(), act, y.view());
  tape.record("activation", {x}, y, [&tape, act, saved_y = Saved(y, "activation", "y")](Gradients& g) {
    ON_DEVICE(activation_backward, tape.stream(), g.dy().view(), saved_y.get().view(), act, g.destination(0).view());
  });
  return y;
}

}  // namespace karyon
