#include "layers/depthwise_conv.h"

#include "kernels/check.h"

namespace karyon {

namespace {

Shape output_shape(const Shape& x, const Shape& kernel, const ConvGeometry& geometry) {
  KARYON_CHECK(x.size() == 4 && kernel.size() == 4 && kernel[0] == geometry.kernel_h &&
                   kernel[1] == geometry.kernel_w && kernel[2] == x[3] && kernel[3] == 1,
               "depthwise_conv2d: input " + shape_text(x) + " does not fit the kernel " + shape_text(kernel));
  const Shape y{x[0], geometry.out_h(x[1]), geometry.out_w(x[2]), x[3]};
  KARYON_CHECK(y[1] > 0 && y[2] > 0, "depthwise_conv2d: input " + shape_text(x) + " is smaller than the kernel");
  return y;
}

double multiply_adds(const Tensor& y, const ConvGeometry& g) {
  return static_cast<double>(y.size()) * g.kernel_h * g.kernel_w;
}

}  // namespace

Tensor depthwise_conv2d(Tape& tape, const Tensor& x, const Tensor& kernel, const ConvGeometry& geometry) {
  const char* op = "depthwise_conv2d";
  const Tensor y = Tensor::empty(tape.context(), output_shape(x.shape(), kernel.shape(), geometry), x.type());
  {
    const ProfileScope scope(tape.context().profile(), "depthwise forward", multiply_adds(y, geometry));
    with_type(x.type(), [&]<class T>() {
      ON_DEVICE_AS((T), depthwise_conv_forward, tape.stream(), x.view<T>(), kernel.data(), nullptr, Activation::none,
                   geometry, y.view<T>());
    });
  }
  tape.record(op, {x, kernel}, y,
              [&tape, geometry, saved_x = Saved(x, op, "x"), saved_kernel = Saved(kernel, op, "kernel")](Gradients& g) {
                Profile& profile = tape.context().profile();
                const double work = multiply_adds(g.dy(), geometry);
                if (g.needs(0)) {
                  const ProfileScope scope(profile, "depthwise backward data", work);
                  const Tensor dx = g.destination(0);
                  with_type(dx.type(), [&]<class T>() {
                    ON_DEVICE_AS((T), depthwise_conv_backward_data, tape.stream(), g.dy().view<T>(),
                                 saved_kernel.get().data(), geometry, dx.view<T>());
                  });
                }
                if (g.needs(1)) {
                  const ProfileScope scope(profile, "depthwise backward weight", work);
                  const Tensor dkernel = g.destination(1);
                  with_type(g.dy().type(), [&]<class T>() {
                    ON_DEVICE_AS((T), depthwise_conv_backward_weight, tape.stream(), saved_x.get().view<T>(),
                                 g.dy().view<T>(), geometry, dkernel.data(), nullptr);
                  });
                }
              });
  return y;
}

Tensor depthwise_conv2d_inference(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, Activation act,
                                  const ConvGeometry& geometry) {
  KARYON_CHECK(!tape.needs(x) && !tape.needs(kernel) && !tape.needs(bias),
               "depthwise_conv2d_inference has no gradient; record depthwise_conv2d instead");
  const Tensor y = Tensor::empty(tape.context(), output_shape(x.shape(), kernel.shape(), geometry), x.type());
  const ProfileScope scope(tape.context().profile(), "depthwise inference", multiply_adds(y, geometry));
  with_type(x.type(), [&]<class T>() {
    ON_DEVICE_AS((T), depthwise_conv_forward, tape.stream(), x.view<T>(), kernel.data(), bias.data(), act, geometry,
                 y.view<T>());
  });
  return y;
}

}  // namespace karyon
