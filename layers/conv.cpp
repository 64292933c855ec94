#include "layers/conv.h"

#include "kernels/check.h"

namespace karyon {

namespace {

StampedKernel stamped(const Tensor& kernel) { return {kernel.data(), kernel.stamp()}; }

double multiply_adds(const Tensor& y, const Tensor& kernel) {
  return static_cast<double>(y.size()) * static_cast<double>(kernel.size()) / kernel.shape()[3];
}

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& kernel, const ConvGeometry& geometry) {
  KARYON_CHECK(x.size() == 4 && kernel.size() == 4 && kernel[0] == geometry.kernel_h &&
                   kernel[1] == geometry.kernel_w && kernel[2] == x[3],
               "conv2d: input " + shape_text(x) + " does not fit the kernel " + shape_text(kernel));
  const Shape y{x[0], geometry.out_h(x[1]), geometry.out_w(x[2]), kernel[3]};
  KARYON_CHECK(y[1] > 0 && y[2] > 0, "conv2d: input " + shape_text(x) + " is smaller than the kernel");
  return y;
}

Tensor conv2d(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, const ConvGeometry& geometry) {
  const char* op = "conv2d";
  const Tensor y = Tensor::empty(tape.context(), conv2d_shape(x.shape(), kernel.shape(), geometry), x.type());
  {
    const ProfileScope scope(tape.context().profile(), "conv2d forward", multiply_adds(y, kernel));
    with_type(x.type(), [&]<class T>() {
      ON_DEVICE_AS((T), conv_forward, tape.stream(), x.view<T>(), stamped(kernel), bias ? bias.data() : nullptr,
                   View<const T>(), Activation::none, geometry, y.view<T>());
    });
  }
  std::vector<Tensor> inputs{x, kernel};
  if (bias) inputs.push_back(bias);
  const bool has_bias = static_cast<bool>(bias);
  tape.record(op, std::move(inputs), y,
              [&tape, geometry, has_bias, saved_x = Saved(x, op, "x"),
               saved_kernel = Saved(kernel, op, "kernel")](Gradients& g) {
                Profile& profile = tape.context().profile();
                const Tensor& k = saved_kernel.get();
                const double work = multiply_adds(g.dy(), k);
                if (g.needs(0)) {
                  const ProfileScope scope(profile, "conv2d backward data", work);
                  const Tensor dx = g.destination(0);
                  with_type(dx.type(), [&]<class T>() {
                    ON_DEVICE_AS((T), conv_backward_data, tape.stream(), g.dy().view<T>(), stamped(k), geometry,
                                 dx.view<T>());
                  });
                }
                const bool bias_needed = has_bias && g.needs(2);
                if (g.needs(1) || bias_needed) {
                  const ProfileScope scope(profile, "conv2d backward weight", work);
                  const Tensor dkernel = g.needs(1) ? g.destination(1) : Tensor::empty(tape.context(), k.shape());
                  const Tensor dbias = bias_needed ? g.destination(2) : Tensor();
                  with_type(g.dy().type(), [&]<class T>() {
                    ON_DEVICE_AS((T), conv_backward_weight, tape.stream(), saved_x.get().view<T>(), g.dy().view<T>(),
                                 geometry, dkernel.data(), bias_needed ? dbias.data() : nullptr);
                  });
                }
              });
  return y;
}

void conv2d_inference(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, const Tensor& residual,
                      Activation act, const ConvGeometry& geometry, const Tensor& y) {
  KARYON_CHECK(!tape.needs(x) && !tape.needs(kernel) && !tape.needs(bias),
               "conv2d_inference has no gradient; record conv2d instead");
  KARYON_CHECK(y.shape() == conv2d_shape(x.shape(), kernel.shape(), geometry), "conv2d_inference: wrong output shape");
  const ProfileScope scope(tape.context().profile(), geometry.kernel_h == 1 ? "conv 1x1 inference" : "conv inference",
                           multiply_adds(y, kernel));
  with_type(x.type(), [&]<class T>() {
    ON_DEVICE_AS((T), conv_forward, tape.stream(), x.view<T>(), stamped(kernel), bias ? bias.data() : nullptr,
                 residual.view<T>(), act, geometry, y.view<T>());
  });
}

}  // namespace karyon
