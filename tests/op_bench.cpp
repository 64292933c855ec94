// op_bench [--device NAME] [--filter TEXT] [--json FILE]: times every kernel on the shapes of a training step at batch
// 32 and 128x128; on CUDA in float32, in bf16, and where products are rounded to TensorFloat-32 in that too. With a
// filter only the rows whose name holds TEXT.
//
// Bytes are the fewest that an op can move (each input read once, each output written once), so the share of the copy
// bandwidth is a lower bound: batch norm, which must read x twice, cannot exceed two thirds forward and three fifths
// backward unless the cache holds x. Multiply-adds count two operations; taps in the padding are counted.
#include <cstdio>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/files.h"
#include "engine/random.h"
#include "kernels/adam.h"
#include "kernels/add.h"
#include "kernels/augment.h"
#include "kernels/batch_norm.h"
#include "kernels/conv.h"
#include "kernels/conv_transpose.h"
#include "kernels/copy.h"
#include "kernels/depthwise_conv.h"
#include "kernels/head_xent.h"
#include "kernels/softmax_xent.h"
#include "model/unet.h"
#include "tests/bench_dnnl.h"
#include "tests/bench_table.h"
#include "tests/device_flag.h"
#if KARYON_WITH_CUDA
#include "kernels/conv_cudnn.h"
#endif

namespace karyon::testing {
namespace {

constexpr int kBatch = 32, kSide = 128, kClasses = 2, kResident = 600;
constexpr int kThreads = 2;  // of the CPU
constexpr float kEpsilon = 1e-3F, kMomentum = 0.99F;

double count(const Shape& shape) { return static_cast<double>(shape_size(shape)); }

std::string sizes(int h, int c) { return std::to_string(h) + "x" + std::to_string(h) + "x" + std::to_string(c); }

// ---- convolutions of the encoder ------------------------------------------------------------------------------------

struct ConvLayer {
  int h, in, out, kernel, stride;
  Activation act;
  [[nodiscard]] ConvGeometry geometry() const {
    return {kernel, kernel, stride, stride, conv_padding(PaddingRule::same, kernel, stride, h, h)};
  }
  [[nodiscard]] Shape x() const { return {kBatch, h, h, in}; }
  [[nodiscard]] Shape y() const { return {kBatch, geometry().out_h(h), geometry().out_w(h), out}; }
  [[nodiscard]] std::string text() const {
    return sizes(h, in) + (in == out ? "" : " to " + std::to_string(out)) + (stride == 2 ? " stride 2" : "");
  }
};

template <class T>
void depthwise_rows(Bench& bench, const ConvLayer& l) {
  const ConvGeometry g = l.geometry();
  const Shape kernel{l.kernel, l.kernel, l.in};
  const Work work{(count(l.x()) + count(l.y())) * sizeof(T), count(l.y()) * l.kernel * l.kernel};
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  bench.row<T>("depthwise " + l.text() + " forward", work, [&] {
    return [=, &stream, act = l.act, x = random.make<T>(l.x()), k = random.make(kernel), b = random.make({l.in}),
            y = random.make<T>(l.y())] {
      ON_DEVICE_AS((T), depthwise_conv_forward, stream, x.template view<T>(), k.data(), b.data(), act, g,
                   y.template view<T>());
    };
  });
  dnnl_depthwise_row(bench, "depthwise " + l.text() + " forward", work, Pass::forward, l.x(), l.y(), l.act, g);
  bench.row<T>("depthwise " + l.text() + " backward data", work, [&] {
    return [=, &stream, dy = random.make<T>(l.y()), k = random.make(kernel), dx = random.make<T>(l.x())] {
      ON_DEVICE_AS((T), depthwise_conv_backward_data, stream, dy.template view<T>(), k.data(), g,
                   dx.template view<T>());
    };
  });
  dnnl_depthwise_row(bench, "depthwise " + l.text() + " backward data", work, Pass::backward_data, l.x(), l.y(), l.act,
                     g);
  bench.row<T>("depthwise " + l.text() + " backward weight", work, [&] {
    return [=, &stream, x = random.make<T>(l.x()), dy = random.make<T>(l.y()), dk = random.make(kernel)] {
      ON_DEVICE_AS((T), depthwise_conv_backward_weight, stream, x.template view<T>(), dy.template view<T>(), g,
                   dk.data(), nullptr);
    };
  });
  dnnl_depthwise_row(bench, "depthwise " + l.text() + " backward weight", work, Pass::backward_weight, l.x(), l.y(),
                     l.act, g);
}

template <class T>
void conv_rows(Bench& bench, const ConvLayer& l) {
  const ConvGeometry g = l.geometry();
  const Shape kernel{l.kernel, l.kernel, l.in, l.out};
  const Work work{(count(l.x()) + count(l.y())) * sizeof(T) + count(kernel) * sizeof(float),
                  count(l.y()) * l.kernel * l.kernel * l.in};
  const std::string name = "conv " + std::to_string(l.kernel) + "x" + std::to_string(l.kernel) + " " + l.text();
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  bench.row<T>(name + " forward", work, [&] {
    return [=, &stream, act = l.act, x = random.make<T>(l.x()), k = random.make(kernel), b = random.make({l.out}),
            y = random.make<T>(l.y())] {
      ON_DEVICE_AS((T), conv_forward, stream, x.template view<T>(), StampedKernel{k.data(), k.stamp()}, b.data(),
                   View<const T>(), act, g, y.template view<T>());
    };
  });
  if (l.in != 3) {  // pictures need no gradient
    bench.row<T>(name + " backward data", work, [&] {
      return [=, &stream, dy = random.make<T>(l.y()), k = random.make(kernel), dx = random.make<T>(l.x())] {
        ON_DEVICE_AS((T), conv_backward_data, stream, dy.template view<T>(), StampedKernel{k.data(), k.stamp()}, g,
                     dx.template view<T>());
      };
    });
  }
  bench.row<T>(name + " backward weight", work, [&] {
    return [=, &stream, x = random.make<T>(l.x()), dy = random.make<T>(l.y()), dk = random.make(kernel)] {
      ON_DEVICE_AS((T), conv_backward_weight, stream, x.template view<T>(), dy.template view<T>(), g, dk.data(),
                   nullptr);
    };
  });
}

/// Every distinct layer of MobileNetV2, from the images on.
template <class T>
void encoder_rows(Bench& bench) {
  std::set<std::string> seen;
  const auto is_new = [&](const char* kind, const ConvLayer& l) { return seen.insert(kind + l.text()).second; };
  conv_rows<T>(bench, {kSide, 3, 32, 3, 2, Activation::relu6});
  int h = kSide / 2, in = 32;
  for (const BottleneckRow& row : kMobileNetV2Table) {
    for (int repeat = 0; repeat < row.n; ++repeat) {
      const int hidden = in * row.t, stride = repeat == 0 ? row.s : 1;
      const ConvLayer expand{h, in, hidden, 1, 1, Activation::relu6};
      if (row.t > 1 && is_new("conv", expand)) conv_rows<T>(bench, expand);
      const ConvLayer depthwise{h, hidden, hidden, 3, stride, Activation::relu6};
      if (is_new("depthwise", depthwise)) depthwise_rows<T>(bench, depthwise);
      h /= stride;
      const ConvLayer project{h, hidden, row.c, 1, 1, Activation::none};
      if (is_new("conv", project)) conv_rows<T>(bench, project);
      in = row.c;
    }
  }
}

// ---- transposed convolutions of the decoder -------------------------------------------------------------------------

struct Upsampling {
  int h, up, skip, out;  // channels of the previous level and of the skip; 0: none
};
constexpr Upsampling kUpsamplings[] = {
    {4, 320, 0, 512}, {8, 512, 576, 256}, {16, 256, 192, 128}, {32, 128, 144, 64}, {64, 64, 96, kClasses}};

/// T: what the inputs are stored as; Y: the result, float logits at the last level.
template <class T, class Y>
void conv_transpose_rows(Bench& bench, const Upsampling& u) {
  const ConvGeometry g = upsampling_geometry();
  const int channels = u.up + u.skip;
  const Shape up{kBatch, u.h, u.h, u.up}, skip{kBatch, u.h, u.h, u.skip};
  const Shape all{kBatch, u.h, u.h, channels}, y{kBatch, 2 * u.h, 2 * u.h, u.out}, kernel{3, 3, u.out, channels};
  const double taps = 3.0 * u.h - 1;  // a side; the last row's third tap is cropped
  const double products = kBatch * taps * taps * u.out;
  const double result = count(y) * sizeof(Y), weights = count(kernel) * sizeof(float);
  const Work whole{(count(up) + count(skip)) * sizeof(T) + result + weights, products * channels};
  const std::string name = "conv_transpose " + sizes(u.h, u.up) +
                           (u.skip > 0 ? "+" + std::to_string(u.skip) : std::string()) + " to " + std::to_string(u.out);
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  const auto inputs = [&] {
    std::vector<Tensor> tensors{random.make<T>(up)};
    if (u.skip > 0) tensors.push_back(random.make<T>(skip));
    return tensors;
  };
  const auto views = [](const std::vector<Tensor>& tensors) {
    std::vector<View<const T>> list;
    for (const Tensor& t : tensors) list.push_back(t.template view<T>());
    return list;
  };
  bench.row<T>(name + " forward", whole, [&] {
    return [=, &stream, x = inputs(), k = random.make(kernel), b = random.make({u.out}), r = random.make<Y>(y)] {
      const std::vector<View<const T>> list = views(x);
      ON_DEVICE_AS((T, Y), conv_transpose_forward, stream, std::span<const View<const T>>(list),
                   StampedKernel{k.data(), k.stamp()}, b.data(), Activation::none, g, r.template view<Y>());
    };
  });
  dnnl_conv_transpose_row(bench, name + " forward", whole, Pass::forward, all, channels, y);
  if (u.skip > 0) {  // the encoder's last tap needs none
    const Work half{count(up) * sizeof(T) + result + weights * u.up / channels, products * u.up};
    bench.row<T>(name + " backward data", half, [&] {
      return [=, &stream, dy = random.make<Y>(y), k = random.make(kernel), dx = random.make<T>(up)] {
        ON_DEVICE_AS((T, Y), conv_transpose_backward_data, stream, dy.template view<Y>(), k.data(), channels, 0, g,
                     dx.template view<T>());
      };
    });
    dnnl_conv_transpose_row(bench, name + " backward data", half, Pass::backward_data, up, channels, y);
  }
  bench.row<T>(name + " backward weight", whole, [&] {
    return [=, &stream, x = inputs(), dy = random.make<Y>(y), dk = random.make(kernel)] {
      const std::vector<View<const T>> list = views(x);
      ON_DEVICE_AS((T, Y), conv_transpose_backward_weight, stream, std::span<const View<const T>>(list),
                   dy.template view<Y>(), g, dk.data(), nullptr);
    };
  });
  dnnl_conv_transpose_row(bench, name + " backward weight", whole, Pass::backward_weight, all, channels, y);
}

// ---- the rest -------------------------------------------------------------------------------------------------------

/// Random bytes below `bound` in device memory, `size` of each.
template <class T>
std::shared_ptr<Buffer> random_bytes(Bench& bench, std::int64_t size, std::uint32_t bound) {
  RandomStream random(bound, Purpose::bench);
  std::vector<T> values(static_cast<std::size_t>(size));
  for (T& value : values) value = static_cast<T>(random.below(bound));
  auto buffer = std::make_shared<Buffer>(bench.context(), values.size() * sizeof(T));
  upload(bench.stream(), buffer->template as<void>(), values.data(), values.size() * sizeof(T));
  return buffer;
}

/// The last layer and the loss in one pass.
template <class T>
void head_row(Bench& bench, const Upsampling& u) {
  const ConvGeometry g = upsampling_geometry();
  const Shape up{kBatch, u.h, u.h, u.up}, skip{kBatch, u.h, u.h, u.skip}, y{kBatch, 2 * u.h, 2 * u.h, u.out};
  const Shape kernel{3, 3, u.out, u.up + u.skip};
  const double taps = 3.0 * u.h - 1;
  const Work work{(count(up) + count(skip)) * sizeof(T) + 2 * count(y) * sizeof(float) + count(y) / u.out,
                  kBatch * taps * taps * u.out * (u.up + u.skip)};
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  bench.row<T>("conv_transpose and loss " + sizes(u.h, u.up) + "+" + std::to_string(u.skip), work, [&] {
    return [=, &stream, a = random.make<T>(up), b = random.make<T>(skip), k = random.make(kernel),
            bias = random.make({u.out}), labels = random_bytes<std::uint8_t>(bench, kBatch * kSide * kSide, 2),
            z = random.make(y), dz = random.make(y),
            counts = std::make_shared<Buffer>(bench.context(), sizeof(XentCounts))] {
      const View<const T> inputs[] = {a.template view<T>(), b.template view<T>()};
      ON_DEVICE_AS((T), head_xent, stream, std::span<const View<const T>>(inputs), k.data(), bias.data(), g,
                   labels->template as<std::uint8_t>(), z.view(), dz.view(), counts->template as<XentCounts>());
    };
  });
}

#if KARYON_WITH_CUDA
/// The yardstick: cuDNN's data gradient of a strided convolution, over one input of all channels, cropped in its two
/// ways; no row where cuDNN is not there or takes none of it.
template <class T>
void cudnn_transpose_rows(Bench& bench, const Upsampling& u) {
  Stream& stream = bench.stream();
  if (!stream.device().is_cuda()) return;
  const ConvGeometry g = upsampling_geometry();
  const int channels = u.up + u.skip;
  const Shape x{kBatch, u.h, u.h, channels}, y{kBatch, 2 * u.h, 2 * u.h, u.out}, kernel{3, 3, u.out, channels};
  const double taps = 3.0 * u.h - 1;
  const Work work{(count(x) + count(y)) * sizeof(T) + count(kernel) * sizeof(float),
                  kBatch * taps * taps * u.out * channels};
  RandomArrays& random = bench.random();
  for (const cuda::CropBy crop : {cuda::CropBy::kernel, cuda::CropBy::copy}) {
    const auto make = [&] {
      return [=, &stream, in = random.make<T>(x), k = random.make(kernel), out = random.make<T>(y)] {
        return cuda::cudnn_conv_transpose_forward<T>(stream, in.template view<T>(), {k.data(), k.stamp()}, nullptr,
                                                     Activation::none, g, out.template view<T>(), crop);
      };
    };
    if (!make()()) continue;
    bench.row<T>("conv_transpose " + sizes(u.h, channels) + " to " + std::to_string(u.out) + " cuDNN, crop by " +
                     (crop == cuda::CropBy::kernel ? "kernel" : "copy"),
                 work, [&] { return [call = make()] { call(); }; });
  }
}
#endif

template <class T>
void batch_norm_rows(Bench& bench, int h, int c, Activation act) {
  const Shape x{kBatch, h, h, c}, channels{c};
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  const std::string name = "batch_norm " + sizes(h, c);
  bench.row<T>(name + " forward", {2 * count(x) * sizeof(T)}, [&] {
    return [=, &stream, in = random.make<T>(x), gamma = random.make(channels), beta = random.make(channels),
            y = random.make<T>(x), mean = random.make(channels), inv_std = random.positive(channels),
            moving_mean = random.make(channels), moving_variance = random.positive(channels)] {
      ON_DEVICE_AS((T), batch_norm_forward, stream, in.template view<T>(), gamma.data(), beta.data(), kEpsilon,
                   kMomentum, act, y.template view<T>(), mean.data(), inv_std.data(), moving_mean.data(),
                   moving_variance.data());
    };
  });
  if (act == Activation::relu) {  // oneDNN has no relu6 in its batch norm
    dnnl_batch_norm_row(bench, name + " forward", {2 * count(x) * sizeof(T)}, Pass::forward, x, kEpsilon);
  }
  bench.row<T>(name + " backward", {3 * count(x) * sizeof(T)}, [&] {
    return [=, &stream, dy = random.make<T>(x), in = random.make<T>(x), gamma = random.make(channels),
            beta = random.make(channels), mean = random.make(channels), inv_std = random.positive(channels),
            dx = random.make<T>(x), dgamma = random.make(channels), dbeta = random.make(channels)] {
      ON_DEVICE_AS((T), batch_norm_backward, stream, dy.template view<T>(), in.template view<T>(), gamma.data(),
                   beta.data(), mean.data(), inv_std.data(), act, dx.template view<T>(), dgamma.data(), dbeta.data());
    };
  });
  if (act == Activation::relu) {
    dnnl_batch_norm_row(bench, name + " backward", {3 * count(x) * sizeof(T)}, Pass::backward_data, x, kEpsilon);
  }
}

template <class T>
void add_row(Bench& bench, int h, int c) {
  const Shape x{kBatch, h, h, c};
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  bench.row<T>("add " + sizes(h, c), {3 * count(x) * sizeof(T)}, [&] {
    return [=, &stream, a = random.make<T>(x), b = random.make<T>(x), y = random.make<T>(x)] {
      ON_DEVICE_AS((T), add, stream, a.template view<T>(), b.template view<T>(), y.template view<T>());
    };
  });
}

template <class T>
void augment_row(Bench& bench) {
  const Shape x{kBatch, kSide, kSide, 3};
  Stream& stream = bench.stream();
  RandomArrays& random = bench.random();
  const auto images = random_bytes<std::uint8_t>(bench, std::int64_t{kResident} * kSide * kSide * 3, 256);
  bench.row<T>("augment images", {count(x) * (1 + sizeof(T))}, [&] {
    return [=, &stream, index = random_bytes<std::int32_t>(bench, kBatch, kResident),
            flips = random_bytes<std::uint8_t>(bench, kBatch, 4), y = random.make<T>(x)] {
      ON_DEVICE_AS((T), augment_images, stream, images->template as<std::uint8_t>(), index->template as<std::int32_t>(),
                   flips->template as<std::uint8_t>(), Normalisation(), y.template view<T>());
    };
  });
}

/// What is float32 whatever the activations are.
void float_rows(Bench& bench) {
  RandomArrays& random = bench.random();
  Stream& stream = bench.stream();
  const Shape logits{kBatch, kSide, kSide, kClasses};
  const double pixels = count(logits) / kClasses;
  bench.row<float>("softmax_xent 128x128x2", {2 * count(logits) * sizeof(float) + pixels}, [&] {
    return [=, &stream, z = random.make(logits), labels = random_bytes<std::uint8_t>(bench, kBatch * kSide * kSide, 2),
            dz = random.make(logits), counts = std::make_shared<Buffer>(bench.context(), sizeof(XentCounts))] {
      ON_DEVICE(softmax_xent, stream, z.view(), labels->as<std::uint8_t>(), dz.view(), counts->as<XentCounts>());
    };
  });
  std::int64_t parameters = kClasses;
  for (const Upsampling& u : kUpsamplings) {
    parameters += std::int64_t{9} * (u.up + u.skip) * u.out + (u.out == kClasses ? 0 : 2 * u.out);
  }
  const Shape flat{static_cast<int>(parameters)};
  bench.row<float>("adam, decoder", {7 * count(flat) * sizeof(float)}, [&] {
    return [=, &stream, g = random.make(flat), rate = random.positive({3}), w = random.make(flat),
            m = random.make(flat), v = random.positive(flat)] {
      ON_DEVICE(adam_step, stream, parameters, g.data(), AdamSettings(), reinterpret_cast<const AdamRate*>(rate.data()),
                nullptr, nullptr, w.data(), m.data(), v.data());
    };
  });
}

template <class T>
void all_rows(Bench& bench) {
  encoder_rows<T>(bench);
  for (const Upsampling& u : kUpsamplings) {
#if KARYON_WITH_CUDA
    cudnn_transpose_rows<T>(bench, u);
#endif
    if (u.out == kClasses) {
      conv_transpose_rows<T, float>(bench, u);
      head_row<T>(bench, u);
    } else {
      conv_transpose_rows<T, T>(bench, u);
      batch_norm_rows<T>(bench, 2 * u.h, u.out, Activation::relu);
    }
  }
  batch_norm_rows<T>(bench, kSide / 2, 96, Activation::relu6);  // the encoder's largest
  add_row<T>(bench, kSide / 4, 24);                             // its largest residual
  add_row<T>(bench, kSide / 2, 96);
  augment_row<T>(bench);
}

int run(std::vector<std::string> arguments) {
  const Device device = take_device(arguments);
  const std::string filter = take_flag(arguments, "--filter", "");
  const std::string json = take_flag(arguments, "--json", "");
  if (!arguments.empty()) {
    throw Error(Exit::usage, "usage: op_bench [--device NAME] [--filter TEXT] [--json FILE]");
  }
  Context context(device, kThreads);
  Bench bench(context, filter);
  all_rows<float>(bench);
  if (device.is_cuda()) {
    context.stream().set_float32_math(Float32Math::tf32);
    all_rows<float>(bench);
    with_type(ElementType::bf16, [&]<class T>() { all_rows<T>(bench); });
  }
  float_rows(bench);
  if (!json.empty()) write_file(json, std::string_view(bench.json().dump(1) + "\n"));
  return 0;
}

}  // namespace
}  // namespace karyon::testing

int main(int argc, char** argv) {
  try {
    return karyon::testing::run({argv + 1, argv + argc});
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "op_bench: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
