#include "layers/conv_transpose.h"

#include "kernels/check.h"

namespace karyon {

namespace {

Shape output_shape(const std::vector<Tensor>& inputs, const Shape& kernel, const ConvGeometry& geometry) {
  KARYON_CHECK(!inputs.empty() && kernel.size() == 4, "conv2d_transpose needs an input and a kernel HWOI");
  int channels = 0;
  for (const Tensor& x : inputs) {
    KARYON_CHECK(x.shape().size() == 4 && x.shape()[0] == inputs[0].shape()[0] &&
                     x.shape()[1] == inputs[0].shape()[1] && x.shape()[2] == inputs[0].shape()[2],
                 "conv2d_transpose: inputs " + shape_text(inputs[0].shape()) + " and " + shape_text(x.shape()) +
                     " differ in size");
    channels += x.shape()[3];
  }
  KARYON_CHECK(
      kernel[0] == geometry.kernel_h && kernel[1] == geometry.kernel_w && kernel[3] == channels,
      "conv2d_transpose: " + std::to_string(channels) + " input channels do not fit the kernel " + shape_text(kernel));
  const Shape& x = inputs[0].shape();
  return {x[0], geometry.transposed_out_h(x[1]), geometry.transposed_out_w(x[2]), kernel[2]};
}

std::vector<ConstFloatView> views(const std::vector<Tensor>& tensors) {
  std::vector<ConstFloatView> result;
  result.reserve(tensors.size());
  for (const Tensor& t : tensors) result.emplace_back(t.view());
  return result;
}

/// Multiply-adds of the part of the kernel over `channels` input channels.
double multiply_adds(const Tensor& x, const Tensor& kernel, int channels) {
  return static_cast<double>(x.view().pixels()) * static_cast<double>(kernel.size()) / kernel.shape()[3] * channels;
}

Tensor run(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias, Activation act,
           const ConvGeometry& geometry) {
  const Tensor y = Tensor::empty(tape.context(), output_shape(inputs, kernel.shape(), geometry));
  const ProfileScope scope(tape.context().profile(), "conv_transpose forward",
                           multiply_adds(inputs[0], kernel, kernel.shape()[3]));
  ON_DEVICE(conv_transpose_forward, tape.stream(), views(inputs), kernel.data(), bias ? bias.data() : nullptr, act,
            geometry, y.view());
  return y;
}

}  // namespace

Tensor conv2d_transpose(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias,
                        const ConvGeometry& geometry) {
  const char* op = "conv2d_transpose";
  const Tensor y = run(tape, inputs, kernel, bias, Activation::none, geometry);
  std::vector<Saved> saved;
  saved.reserve(inputs.size());
  for (const Tensor& x : inputs) saved.emplace_back(x, op, "input");
  std::vector<Tensor> all = inputs;
  all.push_back(kernel);
  if (bias) all.push_back(bias);
  const bool has_bias = static_cast<bool>(bias);
  tape.record(
      op, std::move(all), y,
      [&tape, geometry, has_bias, saved = std::move(saved), saved_kernel = Saved(kernel, op, "kernel")](Gradients& g) {
        Profile& profile = tape.context().profile();
        const Tensor& k = saved_kernel.get();
        const std::size_t kernel_at = saved.size();
        int channel = 0;
        std::vector<Tensor> xs;
        for (std::size_t i = 0; i < saved.size(); ++i) {
          const Tensor& x = saved[i].get();
          xs.push_back(x);
          if (g.needs(i)) {
            const ProfileScope scope(profile, "conv_transpose backward data", multiply_adds(x, k, x.shape()[3]));
            ON_DEVICE(conv_transpose_backward_data, tape.stream(), g.dy().view(), k.data(), k.shape()[3], channel,
                      geometry, g.destination(i).view());
          }
          channel += x.shape()[3];
        }
        const bool bias_needed = has_bias && g.needs(kernel_at + 1);
        if (g.needs(kernel_at) || bias_needed) {
          const ProfileScope scope(profile, "conv_transpose backward weight", multiply_adds(xs[0], k, channel));
          const Tensor dkernel =
              g.needs(kernel_at) ? g.destination(kernel_at) : Tensor::empty(tape.context(), k.shape());
          ON_DEVICE(conv_transpose_backward_weight, tape.stream(), views(xs), g.dy().view(), geometry, dkernel.data(),
                    bias_needed ? g.destination(kernel_at + 1).data() : nullptr);
        }
      });
  return y;
}

Tensor conv2d_transpose_inference(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel,
                                  const Tensor& bias, Activation act, const ConvGeometry& geometry) {
  for (const Tensor& x : inputs) {
    KARYON_CHECK(!tape.needs(x) && !tape.needs(kernel), "conv2d_transpose_inference has no gradient");
  }
  return run(tape, inputs, kernel, bias, act, geometry);
}

}  // namespace karyon
