#include "model/conv_unit.h"

#include <algorithm>
#include <utility>

#include "kernels/check.h"
#include "layers/conv.h"
#include "layers/depthwise_conv.h"

namespace karyon {

Padding conv_padding(PaddingRule rule, int kernel, int stride, int h, int w) {
  if (rule == PaddingRule::symmetric) {
    const int side = (kernel - 1) / 2;
    return {side, side, side, side};
  }
  const auto total = [&](int in) { return std::max(0, ((in + stride - 1) / stride - 1) * stride + kernel - in); };
  const int rows = total(h), columns = total(w);
  return {rows / 2, rows - rows / 2, columns / 2, columns - columns / 2};
}

ConvUnit::ConvUnit(Context& context, ConvUnitSpec spec)
    : spec_(std::move(spec)),
      conv_(spec_.conv_name,
            Tensor::zeros(context, {spec_.kernel, spec_.kernel, spec_.in, spec_.depthwise ? 1 : spec_.out})) {
  KARYON_CHECK(!spec_.depthwise || spec_.in == spec_.out, "a depthwise convolution keeps its channels");
  if (!spec_.norm_name.empty()) {
    norm_ = std::make_unique<BatchNorm>(context, spec_.norm_name, spec_.out, spec_.epsilon, spec_.momentum);
  }
}

ConvGeometry ConvUnit::geometry(int h, int w) const {
  return {spec_.kernel, spec_.kernel, spec_.stride, spec_.stride,
          conv_padding(spec_.padding, spec_.kernel, spec_.stride, h, w)};
}

Tensor ConvUnit::convolve(Tape& tape, const Tensor& x) const {
  const ConvGeometry g = geometry(x.shape()[1], x.shape()[2]);
  return spec_.depthwise ? depthwise_conv2d(tape, x, conv_.kernel.value, g)
                         : conv2d(tape, x, conv_.kernel.value, {}, g);
}

Tensor ConvUnit::forward(Tape& tape, const Tensor& x) {
  const Tensor z = convolve(tape, x);
  return norm_ ? norm_->forward(tape, z, spec_.act) : z;
}

Tensor ConvUnit::infer(Tape& tape, const Tensor& x, const Tensor& residual) const {
  const ConvGeometry g = geometry(x.shape()[1], x.shape()[2]);
  const Tensor& kernel = inference_kernel();
  if (spec_.depthwise) return depthwise_conv2d_inference(tape, x, kernel, folded_.bias, spec_.act, g);
  const Tensor y =
      residual ? residual : Tensor::empty(tape.context(), conv2d_shape(x.shape(), kernel.shape(), g), x.type());
  conv2d_inference(tape, x, kernel, folded_.bias, residual, spec_.act, g, y);
  return y;
}

const Tensor& ConvUnit::inference_kernel() const {
  const Tensor& kernel = norm_ ? folded_.kernel : conv_.kernel.value;
  KARYON_CHECK(static_cast<bool>(kernel), "fold() comes before infer()");
  return kernel;
}

void ConvUnit::fold(Context& context) {
  if (norm_) folded_.assign(context, conv_.kernel.value, spec_.depthwise ? 2 : 3, *norm_);
}

}  // namespace karyon
