#include "layers/activation.h"

namespace karyon {

Tensor activation(Tape& tape, const Tensor& x, Activation act) {
  const Tensor y = Tensor::empty(tape.context(), x.shape(), x.type());
  with_type(x.type(),
            [&]<class T>() { ON_DEVICE_AS((T), activation_forward, tape.stream(), x.view<T>(), act, y.view<T>()); });
  tape.record("activation", {x}, y, [&tape, act, saved_y = Saved(y, "activation", "y")](Gradients& g) {
    const Tensor dx = g.destination(0);
    with_type(dx.type(), [&]<class T>() {
      ON_DEVICE_AS((T), activation_backward, tape.stream(), g.dy().view<T>(), saved_y.get().view<T>(), act,
                   dx.view<T>());
    });
  });
  return y;
}

}  // namespace karyon
