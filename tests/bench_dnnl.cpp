#include "tests/bench_dnnl.h"

#include <cmath>
#include <unordered_map>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/batch_norm.h"
#include "kernels/check.h"
#include "kernels/conv_transpose.h"
#include "kernels/depthwise_conv.h"
#include "model/unet.h"

namespace karyon::testing {

namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;
constexpr auto kFloat = memory::data_type::f32;
constexpr double kTolerance = 1e-3;

/// One set of arrays: the same work by us and by oneDNN, and what each has made of it.
struct Beside {
  Call ours, library;
  Call fetch;  // brings oneDNN's result into our layout
  Tensor expected, got;
};

struct Library {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

Library& library() {
  static Library instance;
  return instance;
}

memory wrap(const memory::desc& desc, const Tensor& tensor) { return {desc, library().engine, tensor.data()}; }

/// An NHWC tensor, or a vector.
memory wrap(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.size() == 1) return wrap({{s[0]}, kFloat, Tag::x}, tensor);
  return wrap({{s[0], s[3], s[1], s[2]}, kFloat, Tag::nhwc}, tensor);
}

void copy(const memory& from, const memory& to) {
  memory source = from, destination = to;
  dnnl::reorder(source, destination).execute(library().stream, source, destination);
  library().stream.wait();
}

/// Weights as a primitive wants them, with ours in them.
memory packed(const memory::desc& wanted, const memory& ours) {
  const memory weights(wanted, library().engine);
  copy(ours, weights);
  return weights;
}

Call execution(const dnnl::primitive& primitive, const Arguments& arguments) {
  return [primitive, arguments] { primitive.execute(library().stream, arguments); };
}

/// Of the sums of absolute values: where a relu's input is zero but for rounding, a gradient passes on one side alone,
/// and such an element must not count for more than it is.
double relative_difference(const Tensor& expected, const Tensor& got) {
  const std::vector<float> a = expected.to_vector(), b = got.to_vector();
  double difference = 0, sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    sum += std::abs(static_cast<double>(a[i]));
  }
  return difference / sum;
}

template <class Make>
void row_beside(Bench& bench, const std::string& ours, const Work& work, const Make& make) {
  const std::string name = ours + ", oneDNN";
  if (bench.stream().device().is_cuda() || !bench.wants(name)) return;
  omp_set_num_threads(bench.stream().threads());  // oneDNN takes its thread count from OpenMP
  try {
    const Beside first = make();
    first.ours();
    first.library();
    first.fetch();
    const double difference = relative_difference(first.expected, first.got);
    if (!(difference <= kTolerance)) {
      throw Error(Exit::internal, name + ": its result is " + std::to_string(difference) +
                                      " from ours, as a share of it; allowed is " + std::to_string(kTolerance));
    }
    bench.row<float>(name, work, [&] { return make().library; });
  } catch (const dnnl::error& e) {
    if (e.status != dnnl_unimplemented) throw Error(Exit::internal, name + ": " + e.message);
    std::printf("%s: no such kernel there\n", name.c_str());
  }
}

// ---- convolutions
// -----------------------------------------------------------------------------------------------------

struct Deconvolution {
  using Forward = dnnl::deconvolution_forward;
  using BackwardData = dnnl::deconvolution_backward_data;
  using BackwardWeight = dnnl::deconvolution_backward_weights;
  static constexpr auto kAlgorithm = dnnl::algorithm::deconvolution_direct;
};
struct Convolution {
  using Forward = dnnl::convolution_forward;
  using BackwardData = dnnl::convolution_backward_data;
  using BackwardWeight = dnnl::convolution_backward_weights;
  static constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
};

dnnl::primitive_attr with_activation(Activation act) {
  dnnl::primitive_attr attr;
  if (act == Activation::none) return attr;
  dnnl::post_ops ops;
  const auto kind = act == Activation::relu ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_clip;
  const float bound = act == Activation::relu ? 0.0F : 6.0F;
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(kind, 0.0F, bound);
#else
  ops.append_eltwise(1.0F, kind, 0.0F, bound);
#endif
  attr.set_post_ops(ops);
  return attr;
}

memory::dims dims_of(const memory::desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_dims();
#else
  return desc.dims();
#endif
}

/// What a convolution of either kind is called with. kernel: as it lies in our tensor, in oneDNN's order of dimensions.
struct ConvArrays {
  Tensor x, kernel, bias, y;  // bias: empty unless there is one
  memory::desc kernel_desc;
  ConvGeometry geometry;
  Activation act = Activation::none;
};

template <class Kind>
Call conv_call(Pass pass, const ConvArrays& a, Call& fetch) {
  const memory x = wrap(a.x), y = wrap(a.y), kernel = wrap(a.kernel_desc, a.kernel);
  const memory::desc any(dims_of(a.kernel_desc), kFloat, Tag::any);
  const memory::desc bias = a.bias ? wrap(a.bias).get_desc() : memory::desc();
  const ConvGeometry& g = a.geometry;
  const memory::dims stride{g.stride_h, g.stride_w}, before{g.pad.top, g.pad.left}, after{g.pad.bottom, g.pad.right};
  const dnnl::engine& engine = library().engine;
  const auto kind = dnnl::prop_kind::forward_training;
  const auto algorithm = Kind::kAlgorithm;
  const memory::desc xd = x.get_desc(), yd = y.get_desc();
  fetch = [] {};
#if DNNL_VERSION_MAJOR >= 3
  const typename Kind::Forward::primitive_desc forward(engine, kind, algorithm, xd, any, bias, yd, stride, before,
                                                       after, with_activation(a.act));
#else
  const typename Kind::Forward::primitive_desc forward({kind, algorithm, xd, any, bias, yd, stride, before, after},
                                                       with_activation(a.act), engine);
#endif
  if (pass == Pass::forward) {
    Arguments arguments{
        {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, packed(forward.weights_desc(), kernel)}, {DNNL_ARG_DST, y}};
    if (a.bias) arguments.emplace(DNNL_ARG_BIAS, wrap(a.bias));
    return execution(typename Kind::Forward(forward), arguments);
  }
  if (pass == Pass::backward_data) {
#if DNNL_VERSION_MAJOR >= 3
    const typename Kind::BackwardData::primitive_desc pd(engine, algorithm, xd, any, yd, stride, before, after,
                                                         forward);
#else
    const typename Kind::BackwardData::primitive_desc pd({algorithm, xd, any, yd, stride, before, after}, engine,
                                                         forward);
#endif
    return execution(
        typename Kind::BackwardData(pd),
        {{DNNL_ARG_DIFF_SRC, x}, {DNNL_ARG_WEIGHTS, packed(pd.weights_desc(), kernel)}, {DNNL_ARG_DIFF_DST, y}});
  }
#if DNNL_VERSION_MAJOR >= 3
  const typename Kind::BackwardWeight::primitive_desc pd(engine, algorithm, xd, any, yd, stride, before, after,
                                                         forward);
#else
  const typename Kind::BackwardWeight::primitive_desc pd({algorithm, xd, any, yd, stride, before, after}, engine,
                                                         forward);
#endif
  const memory gradient(pd.diff_weights_desc(), engine);
  fetch = [gradient, kernel, keep = a.kernel] { copy(gradient, kernel); };
  return execution(typename Kind::BackwardWeight(pd),
                   {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_WEIGHTS, gradient}, {DNNL_ARG_DIFF_DST, y}});
}

/// The arrays twice: one result for us and one for oneDNN, everything else the same.
template <class Kind, class Ours>
Beside conv_beside(Bench& bench, Pass pass, const ConvArrays& arrays, const Ours& ours) {
  ConvArrays theirs = arrays;
  const auto result = [pass](ConvArrays& a) -> Tensor& {
    return pass == Pass::forward ? a.y : pass == Pass::backward_data ? a.x : a.kernel;
  };
  Tensor& got = result(theirs);
  got = Tensor::zeros(bench.context(), got.shape());
  Beside beside;
  ConvArrays mine = arrays;
  beside.expected = result(mine);
  beside.got = got;
  beside.ours = [ours, mine] { ours(mine); };
  // oneDNN's memories point into the tensors, which the call must keep.
  beside.library = [call = conv_call<Kind>(pass, theirs, beside.fetch), theirs] { call(); };
  return beside;
}

}  // namespace

void dnnl_conv_transpose_row(Bench& bench, const std::string& name, const Work& work, Pass pass, const Shape& x,
                             int kernel_channels, const Shape& y) {
  row_beside(bench, name, work, [&] {
    RandomArrays& random = bench.random();
    const int out = y[3], in = x[3];
    const memory::dim row = memory::dim{3} * out * kernel_channels, column = memory::dim{out} * kernel_channels;
    ConvArrays a{random.make(x),
                 random.make({3, 3, out, kernel_channels}),
                 pass == Pass::forward ? random.make({out}) : Tensor(),
                 random.make(y),
                 {{out, in, 3, 3}, kFloat, memory::dims{kernel_channels, 1, row, column}},
                 upsampling_geometry()};
    Stream& stream = bench.stream();
    return conv_beside<Deconvolution>(bench, pass, a, [&stream, pass, kernel_channels](const ConvArrays& m) {
      const ConstFloatView inputs[] = {m.x.view()};
      if (pass == Pass::forward) {
        cpu::conv_transpose_forward(stream, inputs, {m.kernel.data(), m.kernel.stamp()}, m.bias.data(),
                                    Activation::none, m.geometry, m.y.view());
      } else if (pass == Pass::backward_data) {
        cpu::conv_transpose_backward_data(stream, m.y.view(), m.kernel.data(), kernel_channels, 0, m.geometry,
                                          m.x.view());
      } else {
        cpu::conv_transpose_backward_weight(stream, inputs, m.y.view(), m.geometry, m.kernel.data(), nullptr);
      }
    });
  });
}

void dnnl_depthwise_row(Bench& bench, const std::string& name, const Work& work, Pass pass, const Shape& x,
                        const Shape& y, Activation act, const ConvGeometry& geometry) {
  row_beside(bench, name, work, [&] {
    RandomArrays& random = bench.random();
    const int h = geometry.kernel_h, w = geometry.kernel_w, c = x[3];
    const bool forward = pass == Pass::forward;
    ConvArrays a{random.make(x),
                 random.make({h, w, c}),
                 forward ? random.make({c}) : Tensor(),
                 random.make(y),
                 {{c, 1, 1, h, w}, kFloat, Tag::hwigo},
                 geometry,
                 forward ? act : Activation::none};
    Stream& stream = bench.stream();
    return conv_beside<Convolution>(bench, pass, a, [&stream, pass](const ConvArrays& m) {
      if (pass == Pass::forward) {
        cpu::depthwise_conv_forward(stream, m.x.view(), m.kernel.data(), m.bias.data(), m.act, m.geometry, m.y.view());
      } else if (pass == Pass::backward_data) {
        cpu::depthwise_conv_backward_data(stream, m.y.view(), m.kernel.data(), m.geometry, m.x.view());
      } else {
        cpu::depthwise_conv_backward_weight(stream, m.x.view(), m.y.view(), m.geometry, m.kernel.data(), nullptr);
      }
    });
  });
}

// ---- batch norm
// -------------------------------------------------------------------------------------------------------

namespace {

/// scale_shift: gamma and behind it beta, [2, c]; their gradients lie in the same way.
struct NormArrays {
  Tensor x, scale_shift, y, dy, dx, mean, inv_std, dscale_shift;
  [[nodiscard]] int channels() const { return x.shape()[3]; }
};

#if DNNL_VERSION_MAJOR >= 3
const auto kScaleAndShift = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
#else
constexpr auto kScaleAndShift = dnnl::normalization_flags::use_scale_shift;  // the two apart are slow there
#endif

void add_scale_shift(Arguments& arguments, const NormArrays& a, bool gradient) {
  const Tensor& both = gradient ? a.dscale_shift : a.scale_shift;
#if DNNL_VERSION_MAJOR >= 3
  const memory::desc half{{a.channels()}, kFloat, Tag::x};
  arguments.emplace(gradient ? DNNL_ARG_DIFF_SCALE : DNNL_ARG_SCALE, memory(half, library().engine, both.data()));
  arguments.emplace(gradient ? DNNL_ARG_DIFF_SHIFT : DNNL_ARG_SHIFT,
                    memory(half, library().engine, both.data() + a.channels()));
#else
  arguments.emplace(gradient ? DNNL_ARG_DIFF_SCALE_SHIFT : DNNL_ARG_SCALE_SHIFT,
                    wrap({{2, a.channels()}, kFloat, Tag::nc}, both));
#endif
}

/// Forward; or backward, for which the forward pass leaves its statistics and which outputs were positive.
Call norm_call(Pass pass, const NormArrays& a, float epsilon) {
  const auto flags = kScaleAndShift | dnnl::normalization_flags::fuse_norm_relu;
  const memory x = wrap(a.x);
  const memory::desc image = x.get_desc();
  const dnnl::engine& engine = library().engine;
  const auto training = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::batch_normalization_forward::primitive_desc forward(engine, training, image, image, epsilon, flags);
#else
  const dnnl::batch_normalization_forward::primitive_desc forward({training, image, epsilon, flags}, engine);
#endif
  const memory positive(forward.workspace_desc(), engine);
  Arguments arguments{{DNNL_ARG_SRC, x},
                      {DNNL_ARG_DST, wrap(a.y)},
                      {DNNL_ARG_MEAN, memory(forward.mean_desc(), engine)},
                      {DNNL_ARG_VARIANCE, memory(forward.variance_desc(), engine)},
                      {DNNL_ARG_WORKSPACE, positive}};
  add_scale_shift(arguments, a, false);
  const Call forward_call = execution(dnnl::batch_normalization_forward(forward), arguments);
  if (pass == Pass::forward) return forward_call;
  forward_call();
  const auto backward = dnnl::prop_kind::backward;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::batch_normalization_backward::primitive_desc pd(engine, backward, image, image, image, epsilon, flags,
                                                              forward);
#else
  const dnnl::batch_normalization_backward::primitive_desc pd({backward, image, image, epsilon, flags}, engine,
                                                              forward);
#endif
  arguments.erase(DNNL_ARG_DST);
  arguments.emplace(DNNL_ARG_DIFF_DST, wrap(a.dy));
  arguments.emplace(DNNL_ARG_DIFF_SRC, wrap(a.dx));
  add_scale_shift(arguments, a, true);
  return execution(dnnl::batch_normalization_backward(pd), arguments);
}

}  // namespace

void dnnl_batch_norm_row(Bench& bench, const std::string& name, const Work& work, Pass pass, const Shape& x,
                         float epsilon) {
  row_beside(bench, name, work, [&] {
    RandomArrays& random = bench.random();
    Context& context = bench.context();
    Stream& stream = bench.stream();
    const int c = x[3];
    const NormArrays mine{random.make(x),   random.make({2, c}),       Tensor::empty(context, x),
                          random.make(x),   Tensor::empty(context, x), random.make({c}),
                          random.make({c}), random.make({2, c})};
    NormArrays theirs = mine;
    theirs.y = Tensor::zeros(context, x);
    theirs.dx = Tensor::zeros(context, x);
    const bool forward = pass == Pass::forward;
    const Call ours = [=, &stream] {
      const float *gamma = mine.scale_shift.data(), *beta = gamma + c;
      cpu::batch_norm_forward(stream, mine.x.view(), gamma, beta, epsilon, 0, Activation::relu, mine.y.view(),
                              mine.mean.data(), mine.inv_std.data(), nullptr, nullptr);
      if (forward) return;
      cpu::batch_norm_backward(stream, mine.dy.view(), mine.x.view(), gamma, beta, mine.mean.data(),
                               mine.inv_std.data(), Activation::relu, mine.dx.view(), mine.dscale_shift.data(),
                               mine.dscale_shift.data() + c);
    };
    return Beside{ours, [call = norm_call(pass, theirs, epsilon), theirs] { call(); }, [] {},
                  forward ? mine.y : mine.dx, forward ? theirs.y : theirs.dx};
  });
}

}  // namespace karyon::testing
