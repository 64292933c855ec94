#include "layers/add.h"

#include "kernels/check.h"

namespace karyon {

Tensor add(Tape& tape, const Tensor& a, const Tensor& b) {
  KARYON_CHECK(a.shape() == b.shape(), "add: " + shape_text(a.shape()) + " and " + shape_text(b.shape()) + " differ");
  const Tensor y = Tensor::empty(tape.context(), a.shape(), a.type());
  {
    const ProfileScope scope(tape.context().profile(), "add");
    with_type(y.type(),
              [&]<class T>() { ON_DEVICE_AS((T), add, tape.stream(), a.view<T>(), b.view<T>(), y.view<T>()); });
  }
  tape.record("add", {a, b}, y, [](Gradients& g) {
    for (const std::size_t input : {std::size_t{0}, std::size_t{1}}) {
      if (g.needs(input)) g.give(input, g.dy());
    }
  });
  return y;
}

}  // namespace karyon
