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
  const Tensor y = Tensor::empty(tape.context(), output_shape(x.shape(), kernel.shape(), geometry));
  {
    const ProfileScope scope(tape.context().profile(), "depthwise forward", multiply_adds(y, geometry));
    ON_DEVICE(depthwise_conv_forward, tape.stream(), x.view(), kernel.data(), nullptr, Activation::none, geometry,
              y.view());
  }
  tape.record(op, {x, kernel}, y,
              [&tape, geometry, saved_x = Saved(x, op, "x"), saved_kernel = Saved(kernel, op, "kernel")](Gradients& g) {
                Profile& profile = tape.context().profile();
                const double work = multiply_adds(g.dy(), geometry);
                if (g.needs(0)) {
                  const ProfileScope scope(profile, "depthwise backward data", work);
                  ON_DEVICE(depthwise_conv_backward_data, tape.stream(), g.dy().view(), saved_kernel.get().data(),
                            geometry, g.destination(0).view());
                }
                if (g.needs(1)) {
                  const ProfileScope scope(profile, "depthwise backward weight", work);
                  ON_DEVICE(depthwise_conv_backward_weight, tape.stream(), saved_x.get().view(), g.dy().view(),
                            geometry, g.destination(1).data(), nullptr);
                }
              });
  return y;
}

Tensor depthwise_conv2d_inference(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, Activation act,
                                  const ConvGeometry& geometry) {
  KARYON_CHECK(!tape.needs(x) && !tape.needs(kernel) && !tape.needs(bias),
               "depthwise_conv2d_inference has no gradient; record depthwise_conv2d instead");
  const Tensor y = Tensor::empty(tape.context(), output_shape(x.shape(), kernel.shape(), geometry));
  const ProfileScope scope(tape.context().profile(), "depthwise inference", multiply_adds(y, geometry));
  ON_DEVICE(depthwise_conv_forward, tape.stream(), x.view(), kernel.data(), bias.data(), act, geometry, y.view());
  return y;
}

}  // namespace karyon
