// The CPU twins of conv.h by oneDNN.
// Invariant: a plan (primitive, packed kernel) is made once for a shape and found again by a plain key; after the first
// step nothing is created, reordered needlessly or allocated. Scratch memory comes from the stream's workspace.
#include "kernels/conv_dnnl.h"

#include <array>
#include <cstring>
#include <map>
#include <unordered_map>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/check.h"
#include "kernels/conv.h"
#include "kernels/parallel.h"

namespace karyon {

namespace {

using dnnl::memory;
constexpr auto kFloat = memory::data_type::f32;

enum class Op : std::uint8_t { forward, backward_data, backward_weight };

using Key = std::array<std::int64_t, 20>;

Key make_key(Op op, const ConstFloatView& x, const ConstFloatView& y, const ConvGeometry& g, bool bias, bool residual,
             Activation act) {
  return {static_cast<std::int64_t>(op),
          x.n,
          x.h,
          x.w,
          x.c,
          x.pitch,
          y.h,
          y.w,
          y.c,
          y.pitch,
          g.kernel_h,
          g.kernel_w,
          g.stride_h,
          g.stride_w,
          g.pad.top,
          g.pad.bottom,
          g.pad.left,
          g.pad.right,
          (bias ? 1 : 0) + (residual ? 2 : 0),
          static_cast<std::int64_t>(act)};
}

memory::desc image_desc(const ConstFloatView& v) {
  const memory::dim pitch = v.pitch;
  return {{v.n, v.c, v.h, v.w}, kFloat, memory::dims{v.h * v.w * pitch, 1, v.w * pitch, pitch}};
}

memory::desc hwio_desc(int in, int out, const ConvGeometry& g) {
  return {{out, in, g.kernel_h, g.kernel_w}, kFloat, memory::format_tag::hwio};
}

memory::desc packed_desc(int in, int out, const ConvGeometry& g) {
  return {{out, in, g.kernel_h, g.kernel_w}, kFloat, memory::format_tag::any};
}

struct Packed {
  const float* data = nullptr;
  std::uint64_t stamp = 0;
  memory kernel;
  void* block = nullptr;
};

struct Plan {
  dnnl::primitive primitive;
  memory::desc kernel, scratchpad;
  dnnl::reorder reorder;  // HWIO <-> the layout the primitive wants
  bool same_layout = false;
  std::vector<Packed> packed;  // one for each kernel that uses this shape
};

}  // namespace

struct DnnlPlans {
  explicit DnnlPlans(MemorySource& source) : memory_source(source) {}
  DnnlPlans(const DnnlPlans&) = delete;
  DnnlPlans& operator=(const DnnlPlans&) = delete;
  ~DnnlPlans() {
    for (auto& [key, plan] : plans) {
      for (Packed& p : plan.packed) memory_source.release(p.block);
    }
  }

  MemorySource& memory_source;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<Key, Plan> plans;
};

namespace {

DnnlPlans& plans_of(Stream& stream) {
  omp_set_num_threads(stream.threads());  // oneDNN takes its thread count from OpenMP
  auto& slot = stream.dnnl_plans();
  if (!slot) slot = std::make_shared<DnnlPlans>(stream.memory());
  return *slot;
}

/// Runs `work`, turning oneDNN's exceptions into ours with the call's own text.
template <class Work>
auto dnnl_call(const char* what, const Work& work) {
  try {
    return work();
  } catch (const dnnl::error& e) {
    throw Error(e.status == dnnl_out_of_memory ? Exit::out_of_memory : Exit::internal,
                std::string("oneDNN: ") + what + ": " + e.message + " (status " + std::to_string(e.status) + ")");
  }
}

dnnl::primitive_attr attributes(bool residual, Activation act) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops ops;
  if (residual) ops.append_sum(1.0F);
#if DNNL_VERSION_MAJOR >= 3
  if (act == Activation::relu) ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  if (act == Activation::relu6) ops.append_eltwise(dnnl::algorithm::eltwise_clip, 0.0F, 6.0F);
#else
  if (act == Activation::relu) ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  if (act == Activation::relu6) ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_clip, 0.0F, 6.0F);
#endif
  attr.set_post_ops(ops);
  return attr;
}

dnnl::convolution_forward::primitive_desc forward_desc(const dnnl::engine& engine, const memory::desc& x,
                                                       const memory::desc& kernel, const memory::desc& bias,
                                                       const memory::desc& y, const ConvGeometry& g,
                                                       const dnnl::primitive_attr& attr) {
  const memory::dims stride{g.stride_h, g.stride_w}, before{g.pad.top, g.pad.left}, after{g.pad.bottom, g.pad.right};
  const auto kind = dnnl::prop_kind::forward_training;
  const auto direct = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kind, direct, x, kernel, bias, y, stride, before, after, attr};
#else
  return {{kind, direct, x, kernel, bias, y, stride, before, after}, attr, engine};
#endif
}

dnnl::convolution_backward_data::primitive_desc backward_data_desc(
    const dnnl::engine& engine, const memory::desc& dx, const memory::desc& kernel, const memory::desc& dy,
    const ConvGeometry& g, const dnnl::convolution_forward::primitive_desc& hint) {
  const memory::dims stride{g.stride_h, g.stride_w}, before{g.pad.top, g.pad.left}, after{g.pad.bottom, g.pad.right};
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto attr = attributes(false, Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, direct, dx, kernel, dy, stride, before, after, hint, attr};
#else
  return {{direct, dx, kernel, dy, stride, before, after}, attr, engine, hint};
#endif
}

dnnl::convolution_backward_weights::primitive_desc backward_weight_desc(
    const dnnl::engine& engine, const memory::desc& x, const memory::desc& dkernel, const memory::desc& dbias,
    const memory::desc& dy, const ConvGeometry& g, const dnnl::convolution_forward::primitive_desc& hint) {
  const memory::dims stride{g.stride_h, g.stride_w}, before{g.pad.top, g.pad.left}, after{g.pad.bottom, g.pad.right};
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto attr = attributes(false, Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, direct, x, dkernel, dbias, dy, stride, before, after, hint, attr};
#else
  return {{direct, x, dkernel, dbias, dy, stride, before, after}, attr, engine, hint};
#endif
}

memory::desc bias_desc(bool present, int channels) {
  return present ? memory::desc({channels}, kFloat, memory::format_tag::x) : memory::desc();
}

/// What all plans share. to_hwio: the reorder brings a gradient home instead of packing a kernel.
Plan make_plan(const DnnlPlans& plans, dnnl::primitive primitive, const memory::desc& scratchpad,
               const memory::desc& kernel, const memory::desc& hwio, bool to_hwio) {
  Plan plan;
  plan.primitive = std::move(primitive);
  plan.scratchpad = scratchpad;
  plan.kernel = kernel;
  plan.same_layout = kernel == hwio;
  plan.reorder = dnnl::reorder({plans.engine, to_hwio ? kernel : hwio, plans.engine, to_hwio ? hwio : kernel});
  return plan;
}

/// The forward convolution of a shape: a plan of its own, and the hint that oneDNN's gradients ask for.
dnnl::convolution_forward::primitive_desc plain_forward_desc(const DnnlPlans& plans, const ConstFloatView& x,
                                                             const ConstFloatView& y, const ConvGeometry& g) {
  return forward_desc(plans.engine, image_desc(x), packed_desc(x.c, y.c, g), memory::desc(), image_desc(y), g,
                      attributes(false, Activation::none));
}

Plan make_forward(const DnnlPlans& plans, const ConstFloatView& x, const ConstFloatView& y, const ConvGeometry& g,
                  bool bias, bool residual, Activation act) {
  const auto pd = forward_desc(plans.engine, image_desc(x), packed_desc(x.c, y.c, g), bias_desc(bias, y.c),
                               image_desc(y), g, attributes(residual, act));
  return make_plan(plans, dnnl::convolution_forward(pd), pd.scratchpad_desc(), pd.weights_desc(),
                   hwio_desc(x.c, y.c, g), false);
}

Plan make_backward_data(const DnnlPlans& plans, const ConstFloatView& dx, const ConstFloatView& dy,
                        const ConvGeometry& g) {
  const auto pd = backward_data_desc(plans.engine, image_desc(dx), packed_desc(dx.c, dy.c, g), image_desc(dy), g,
                                     plain_forward_desc(plans, dx, dy, g));
  return make_plan(plans, dnnl::convolution_backward_data(pd), pd.scratchpad_desc(), pd.weights_desc(),
                   hwio_desc(dx.c, dy.c, g), false);
}

Plan make_backward_weight(const DnnlPlans& plans, const ConstFloatView& x, const ConstFloatView& dy,
                          const ConvGeometry& g, bool bias) {
  const auto pd = backward_weight_desc(plans.engine, image_desc(x), packed_desc(x.c, dy.c, g), bias_desc(bias, dy.c),
                                       image_desc(dy), g, plain_forward_desc(plans, x, dy, g));
  return make_plan(plans, dnnl::convolution_backward_weights(pd), pd.scratchpad_desc(), pd.diff_weights_desc(),
                   hwio_desc(x.c, dy.c, g), true);
}

template <class Make>
Plan& find_plan(DnnlPlans& plans, const Key& key, const Make& make) {
  if (const auto found = plans.plans.find(key); found != plans.plans.end()) return found->second;
  return plans.plans.emplace(key, make()).first->second;
}

/// Floats that hold a buffer of this description, in whole cache lines.
std::int64_t float_count(const memory::desc& desc) {
  return static_cast<std::int64_t>((desc.get_size() + 63) / 64 * 64 / sizeof(float));
}

/// oneDNN's memory over a buffer of ours; it never writes through the const of an input.
memory wrap(const memory::desc& desc, const DnnlPlans& plans, const float* data) {
  return {desc, plans.engine, const_cast<float*>(data)};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

/// oneDNN's scratch memory, out of the stream's workspace.
memory scratchpad(Stream& stream, const DnnlPlans& plans, const Plan& plan) {
  return wrap(plan.scratchpad, plans, stream.workspace<float>(float_count(plan.scratchpad)));
}

/// The kernel in the layout the plan wants: packed again only when its stamp has changed.
memory packed_kernel(DnnlPlans& plans, Plan& plan, const ConvGeometry& g, int in, int out, StampedKernel kernel) {
  if (plan.same_layout) return wrap(plan.kernel, plans, kernel.data);
  Packed* slot = nullptr;
  for (Packed& p : plan.packed) {
    if (p.data == kernel.data) slot = &p;
  }
  if (slot == nullptr) {
    Packed p;
    p.data = kernel.data;
    p.block = plans.memory_source.allocate(plan.kernel.get_size(), true);
    p.kernel = memory(plan.kernel, plans.engine, p.block);
    slot = &plan.packed.emplace_back(std::move(p));
  } else if (kernel.stamp != 0 && slot->stamp == kernel.stamp) {
    return slot->kernel;
  }
  const memory source = wrap(hwio_desc(in, out, g), plans, kernel.data);
  plan.reorder.execute(plans.stream, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, slot->kernel}});
  slot->stamp = kernel.stamp;
  return slot->kernel;
}

void check_shapes(const ConstFloatView& x, const ConstFloatView& y, const ConvGeometry& g) {
  KARYON_CHECK(x.n == y.n && y.h == g.out_h(x.h) && y.w == g.out_w(x.w),
               "a convolution's output has another size than its geometry gives");
}

}  // namespace

namespace cpu {

void conv_forward(Stream& stream, ConstFloatView x, StampedKernel kernel, const float* bias, ConstFloatView residual,
                  Activation act, const ConvGeometry& geometry, FloatView y) {
  check_shapes(x, y, geometry);
  if (residual && residual.data != y.data) {  // oneDNN adds in place
    KARYON_CHECK(residual.same_shape(y), "the residual has another shape than the output");
    parallel_ranges(stream, y.pixels(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        std::memcpy(y.pixel(i), residual.pixel(i), static_cast<std::size_t>(y.c) * sizeof(float));
      }
    });
  }
  DnnlPlans& plans = plans_of(stream);
  const bool has_bias = bias != nullptr, adds = static_cast<bool>(residual);
  dnnl_call("convolution forward", [&] {
    Plan& plan = find_plan(plans, make_key(Op::forward, x, y, geometry, has_bias, adds, act),
                           [&] { return make_forward(plans, x, y, geometry, has_bias, adds, act); });
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, wrap(image_desc(x), plans, x.data)},
        {DNNL_ARG_WEIGHTS, packed_kernel(plans, plan, geometry, x.c, y.c, kernel)},
        {DNNL_ARG_DST, wrap(image_desc(y), plans, y.data)},
        {DNNL_ARG_SCRATCHPAD, scratchpad(stream, plans, plan)}};
    if (has_bias) arguments.emplace(DNNL_ARG_BIAS, wrap(bias_desc(true, y.c), plans, bias));
    plan.primitive.execute(plans.stream, arguments);
  });
}

void conv_backward_data(Stream& stream, ConstFloatView dy, StampedKernel kernel, const ConvGeometry& geometry,
                        FloatView dx) {
  check_shapes(dx, dy, geometry);
  DnnlPlans& plans = plans_of(stream);
  dnnl_call("convolution backward data", [&] {
    Plan& plan = find_plan(plans, make_key(Op::backward_data, dx, dy, geometry, false, false, Activation::none),
                           [&] { return make_backward_data(plans, dx, dy, geometry); });
    plan.primitive.execute(plans.stream, {{DNNL_ARG_DIFF_SRC, wrap(image_desc(dx), plans, dx.data)},
                                          {DNNL_ARG_WEIGHTS, packed_kernel(plans, plan, geometry, dx.c, dy.c, kernel)},
                                          {DNNL_ARG_DIFF_DST, wrap(image_desc(dy), plans, dy.data)},
                                          {DNNL_ARG_SCRATCHPAD, scratchpad(stream, plans, plan)}});
  });
}

void conv_backward_weight(Stream& stream, ConstFloatView x, ConstFloatView dy, const ConvGeometry& geometry,
                          float* dkernel, float* dbias) {
  check_shapes(x, dy, geometry);
  DnnlPlans& plans = plans_of(stream);
  const bool has_bias = dbias != nullptr;
  dnnl_call("convolution backward weights", [&] {
    Plan& plan = find_plan(plans, make_key(Op::backward_weight, x, dy, geometry, has_bias, false, Activation::none),
                           [&] { return make_backward_weight(plans, x, dy, geometry, has_bias); });
    const std::int64_t scratch = float_count(plan.scratchpad);
    auto* workspace = stream.workspace<float>(scratch + (plan.same_layout ? 0 : float_count(plan.kernel)));
    const memory gradient = wrap(plan.kernel, plans, plan.same_layout ? dkernel : workspace + scratch);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, wrap(image_desc(x), plans, x.data)},
                                              {DNNL_ARG_DIFF_WEIGHTS, gradient},
                                              {DNNL_ARG_DIFF_DST, wrap(image_desc(dy), plans, dy.data)},
                                              {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, plans, workspace)}};
    if (has_bias) arguments.emplace(DNNL_ARG_DIFF_BIAS, wrap(bias_desc(true, dy.c), plans, dbias));
    plan.primitive.execute(plans.stream, arguments);
    if (!plan.same_layout) {
      plan.reorder.execute(plans.stream, {{DNNL_ARG_FROM, gradient},
                                          {DNNL_ARG_TO, wrap(hwio_desc(x.c, dy.c, geometry), plans, dkernel)}});
    }
  });
}

}  // namespace cpu

void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  dnnl_call("sgemm", [&] {
    const auto status = static_cast<dnnl_status_t>(
        dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0F, a, lda, b, ldb, beta, c, ldc));
    if (status != dnnl_success) throw dnnl::error(status, "dnnl_sgemm");
  });
}

std::string dnnl_version_text() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

}  // namespace karyon
