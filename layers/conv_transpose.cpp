#include "layers/conv_transpose.h"

#include <utility>

#include "kernels/check.h"
#include "kernels/head_xent.h"
#include "layers/loss.h"

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

template <class T>
std::vector<View<const T>> views(const std::vector<Tensor>& tensors) {
  std::vector<View<const T>> result;
  result.reserve(tensors.size());
  for (const Tensor& t : tensors) result.emplace_back(t.view<T>());
  return result;
}

/// Calls body<T, Y>() for the storage types of inputs and result.
template <class Body>
void with_types(ElementType inputs, ElementType result, const Body& body) {
  KARYON_CHECK(inputs == ElementType::bf16 || result == ElementType::f32,
               "a transposed convolution of float inputs gives floats");
  with_type(result, [&]<class Y>() {
    if constexpr (std::is_same_v<Y, float>) {
      with_type(inputs, [&]<class T>() { body.template operator()<T, float>(); });
    } else {
      body.template operator()<Y, Y>();
    }
  });
}

/// Multiply-adds of the part of the kernel over `channels` input channels.
double multiply_adds(const Tensor& x, const Tensor& kernel, int channels) {
  return static_cast<double>(x.size()) / x.shape()[3] * static_cast<double>(kernel.size()) / kernel.shape()[3] *
         channels;
}

Tensor run(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias, Activation act,
           const ConvGeometry& geometry, ElementType result) {
  const Tensor y = Tensor::empty(tape.context(), output_shape(inputs, kernel.shape(), geometry), result);
  const ProfileScope scope(tape.context().profile(), "conv_transpose forward",
                           multiply_adds(inputs[0], kernel, kernel.shape()[3]));
  with_types(inputs[0].type(), result, [&]<class T, class Y>() {
    ON_DEVICE_AS((T, Y), conv_transpose_forward, tape.stream(), views<T>(inputs),
                 StampedKernel{kernel.data(), kernel.stamp()}, bias ? bias.data() : nullptr, act, geometry,
                 y.view<Y>());
  });
  return y;
}

/// The way back of conv2d_transpose: gradients of those inputs that need one, of the kernel and of the bias.
Tape::Backward backward_of(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, bool has_bias,
                           const ConvGeometry& geometry) {
  const char* op = "conv2d_transpose";
  std::vector<Saved> saved;
  saved.reserve(inputs.size());
  for (const Tensor& x : inputs) saved.emplace_back(x, op, "input");
  return
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
            const Tensor dx = g.destination(i);
            with_types(dx.type(), g.dy().type(), [&]<class T, class Y>() {
              ON_DEVICE_AS((T, Y), conv_transpose_backward_data, tape.stream(), g.dy().view<Y>(), k.data(),
                           k.shape()[3], channel, geometry, dx.view<T>());
            });
          }
          channel += x.shape()[3];
        }
        const bool bias_needed = has_bias && g.needs(kernel_at + 1);
        if (!g.needs(kernel_at) && !bias_needed) return;
        const ProfileScope scope(profile, "conv_transpose backward weight", multiply_adds(xs[0], k, channel));
        const Tensor dkernel = g.needs(kernel_at) ? g.destination(kernel_at) : Tensor::empty(tape.context(), k.shape());
        const Tensor dbias = bias_needed ? g.destination(kernel_at + 1) : Tensor();
        with_types(xs[0].type(), g.dy().type(), [&]<class T, class Y>() {
          ON_DEVICE_AS((T, Y), conv_transpose_backward_weight, tape.stream(), views<T>(xs), g.dy().view<Y>(), geometry,
                       dkernel.data(), bias_needed ? dbias.data() : nullptr);
        });
      };
}

void record(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias,
            const ConvGeometry& geometry, const Tensor& y) {
  std::vector<Tensor> all = inputs;
  all.push_back(kernel);
  if (bias) all.push_back(bias);
  tape.record("conv2d_transpose", std::move(all), y,
              backward_of(tape, inputs, kernel, static_cast<bool>(bias), geometry));
}

}  // namespace

Tensor conv2d_transpose(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias,
                        const ConvGeometry& geometry, ElementType result) {
  const Tensor y = run(tape, inputs, kernel, bias, Activation::none, geometry, result);
  record(tape, inputs, kernel, bias, geometry, y);
  return y;
}

Tensor conv2d_transpose_inference(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel,
                                  const Tensor& bias, Activation act, const ConvGeometry& geometry,
                                  ElementType result) {
  for (const Tensor& x : inputs) {
    KARYON_CHECK(!tape.needs(x) && !tape.needs(kernel), "conv2d_transpose_inference has no gradient");
  }
  return run(tape, inputs, kernel, bias, act, geometry, result);
}

LogitsAndGradient conv2d_transpose_loss(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel,
                                        const Tensor& bias, const ConvGeometry& geometry, const std::uint8_t* labels,
                                        XentCounts* counts) {
  Context& context = tape.context();
  if (!head_xent_takes(geometry, kernel.shape()[2])) {
    const Tensor logits = conv2d_transpose(tape, inputs, kernel, bias, geometry, ElementType::f32);
    return {logits, softmax_cross_entropy(context, logits, labels, true, counts)};
  }
  const Shape shape = output_shape(inputs, kernel.shape(), geometry);
  const Tensor logits = Tensor::empty(context, shape), dlogits = Tensor::empty(context, shape);
  {
    const ProfileScope scope(context.profile(), "head and loss", multiply_adds(inputs[0], kernel, kernel.shape()[3]));
    with_type(inputs[0].type(), [&]<class T>() {
      ON_DEVICE_AS((T), head_xent, tape.stream(), views<T>(inputs), kernel.data(), bias ? bias.data() : nullptr,
                   geometry, labels, logits.view(), dlogits.view(), counts);
    });
  }
  record(tape, inputs, kernel, bias, geometry, logits);
  return {logits, dlogits};
}

}  // namespace karyon
