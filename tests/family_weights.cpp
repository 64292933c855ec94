#include "tests/family_weights.h"

#include <cmath>
#include <cstring>
#include <map>
#include <stdexcept>

#include "engine/random.h"
#include "weights/encoder_layout.h"
#include "weights/safetensors.h"

namespace karyon {

namespace {

using Shape = std::vector<std::int64_t>;

std::size_t count_of(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

bool is_torch(const std::string& family) { return family != "keras" && family != "tf-slim"; }

LoadedTensor tensor_of(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  LoadedTensor tensor{{name, ArchiveType::f32, shape}, std::vector<std::uint8_t>(values.size() * sizeof(float))};
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

/// HWIO to OIHW, HWC1 to C1HW: in both the last two axes come first, in the order given.
LoadedTensor torch_kernel(const std::string& name, const NamedArray& kernel, bool depthwise) {
  const auto h = kernel.shape[0], w = kernel.shape[1], i = kernel.shape[2], o = kernel.shape[3];
  std::vector<float> values;
  const auto at = [&](std::int64_t y, std::int64_t x, std::int64_t in, std::int64_t out) {
    return kernel.values[static_cast<std::size_t>(((y * w + x) * i + in) * o + out)];
  };
  const std::int64_t first = depthwise ? i : o, second = depthwise ? o : i;
  for (std::int64_t a = 0; a < first; ++a) {
    for (std::int64_t b = 0; b < second; ++b) {
      for (std::int64_t y = 0; y < h; ++y) {
        for (std::int64_t x = 0; x < w; ++x) values.push_back(depthwise ? at(y, x, a, b) : at(y, x, b, a));
      }
    }
  }
  return tensor_of(name, {first, second, h, w}, values);
}

struct Names {
  std::string kernel, norm;
};

// The name map of the families, written down once more.

Names torchvision_names(const EncoderConv& conv) {
  if (conv.role == ConvRole::stem) return {"features.0.0.weight", "features.0.1"};
  if (conv.role == ConvRole::last) return {"features.18.0.weight", "features.18.1"};
  const std::string root = "features." + std::to_string(conv.block + 1) + ".conv.";
  const bool first = conv.block == 0;
  if (conv.role == ConvRole::expand) return {root + "0.0.weight", root + "0.1"};
  if (conv.role == ConvRole::depthwise)
    return {root + (first ? "0.0.weight" : "1.0.weight"), root + (first ? "0.1" : "1.1")};
  return {root + (first ? "1.weight" : "2.weight"), root + (first ? "2" : "3")};
}

Names timm_names(const EncoderConv& conv) {
  if (conv.role == ConvRole::stem) return {"conv_stem.weight", "bn1"};
  if (conv.role == ConvRole::last) return {"conv_head.weight", "bn2"};
  constexpr std::array<const char*, 17> blocks{"0.0", "1.0", "1.1", "2.0", "2.1", "2.2", "3.0", "3.1", "3.2",
                                               "3.3", "4.0", "4.1", "4.2", "5.0", "5.1", "5.2", "6.0"};
  const std::string root = std::string("blocks.") + blocks[static_cast<std::size_t>(conv.block)] + ".";
  const bool first = conv.block == 0;
  if (conv.role == ConvRole::expand) return {root + "conv_pw.weight", root + "bn1"};
  if (conv.role == ConvRole::depthwise) return {root + "conv_dw.weight", root + (first ? "bn1" : "bn2")};
  return {root + (first ? "conv_pw.weight" : "conv_pwl.weight"), root + (first ? "bn2" : "bn3")};
}

Names hugging_face_names(const EncoderConv& conv, const std::string& prefix) {
  std::string unit = "conv_1x1";
  if (conv.role == ConvRole::stem) unit = "conv_stem.first_conv";
  if (conv.role == ConvRole::expand) unit = "layer." + std::to_string(conv.block - 1) + ".expand_1x1";
  const std::string block = conv.block == 0 ? "conv_stem." : "layer." + std::to_string(conv.block - 1) + ".";
  if (conv.role == ConvRole::depthwise) unit = block + "conv_3x3";
  if (conv.role == ConvRole::project) unit = block + "reduce_1x1";
  return {prefix + unit + ".convolution.weight", prefix + unit + ".normalization"};
}

Names slim_names(const EncoderConv& conv) {
  const std::string root = "MobilenetV2/";
  if (conv.role == ConvRole::stem) return {root + "Conv/weights", root + "Conv/BatchNorm"};
  if (conv.role == ConvRole::last) return {root + "Conv_1/weights", root + "Conv_1/BatchNorm"};
  const std::string block =
      root + (conv.block == 0 ? "expanded_conv/" : "expanded_conv_" + std::to_string(conv.block) + "/");
  if (conv.role == ConvRole::depthwise) return {block + "depthwise/depthwise_weights", block + "depthwise/BatchNorm"};
  const std::string part = conv.role == ConvRole::expand ? "expand" : "project";
  return {block + part + "/weights", block + part + "/BatchNorm"};
}

Names names_of(const std::string& family, const EncoderConv& conv) {
  if (family == "keras") {
    return {conv.name + (conv.role == ConvRole::depthwise ? "/depthwise_kernel" : "/kernel"), conv.batch_norm};
  }
  if (family == "tf-slim") return slim_names(conv);
  if (family == "torchvision") return torchvision_names(conv);
  if (family == "timm") return timm_names(conv);
  if (family == "huggingface") return hugging_face_names(conv, "mobilenet_v2.");
  if (family == "huggingface-bare") return hugging_face_names(conv, "");
  throw std::out_of_range(family);
}

}  // namespace

std::vector<NamedArray> random_mobilenet_v2(double width, std::int64_t classes, std::uint64_t seed) {
  RandomStream random(seed, Purpose::bench);
  std::vector<NamedArray> network;
  const auto add = [&](const std::string& name, const Shape& shape, float mean, float scale) {
    NamedArray& array = network.emplace_back(NamedArray{name, shape, std::vector<float>(count_of(shape))});
    for (float& value : array.values) value = mean + scale * random.normal();
  };
  std::vector<EncoderConv> convs = mobilenet_v2_convs(width);
  convs.push_back(last_conv(width));
  for (const EncoderConv& conv : convs) {
    const auto shape = conv.kernel_shape();
    const auto fan_in = conv.size * conv.size * (conv.role == ConvRole::depthwise ? 1 : conv.inputs);
    add(conv.name + "/kernel", {shape.begin(), shape.end()}, 0, std::sqrt(2.0F / static_cast<float>(fan_in)));
    add(conv.batch_norm + "/gamma", {conv.outputs}, 1, 0.1F);
    add(conv.batch_norm + "/beta", {conv.outputs}, 0, 0.1F);
    add(conv.batch_norm + "/moving_mean", {conv.outputs}, 0, 0.1F);
    add(conv.batch_norm + "/moving_variance", {conv.outputs}, 0, 0.3F);
    for (float& value : network.back().values) value = 0.5F + std::fabs(value);
  }
  add("predictions/kernel", {1, 1, convs.back().outputs, classes}, 0, 0.03F);
  add("predictions/bias", {classes}, 0, 0.1F);
  return network;
}

LoadedArchive in_family(const std::string& family, const std::vector<NamedArray>& network) {
  std::map<std::string, const NamedArray*> arrays;
  for (const NamedArray& array : network) arrays.emplace(array.name, &array);
  const auto width_of_stem = arrays.at("Conv1/kernel")->shape[3];
  std::vector<LoadedTensor> tensors;
  for (const double width : {1.0, 0.35, 0.5, 0.75, 1.3, 1.4}) {
    std::vector<EncoderConv> convs = mobilenet_v2_convs(width);
    convs.push_back(last_conv(width));
    if (convs[0].outputs != width_of_stem || convs[51].inputs != arrays.at("Conv_1/kernel")->shape[2]) continue;
    for (const EncoderConv& conv : convs) {
      const NamedArray& kernel = *arrays.at(conv.name + "/kernel");
      const auto [kernel_name, norm] = names_of(family, conv);
      tensors.push_back(is_torch(family) ? torch_kernel(kernel_name, kernel, conv.role == ConvRole::depthwise)
                                         : tensor_of(kernel_name, kernel.shape, kernel.values));
      const std::array<const char*, 4> torch{".weight", ".bias", ".running_mean", ".running_var"};
      const std::array<const char*, 4> tensor_flow{"/gamma", "/beta", "/moving_mean", "/moving_variance"};
      for (std::size_t i = 0; i < 4; ++i) {
        const NamedArray& array = *arrays.at(conv.batch_norm + tensor_flow[i]);
        tensors.push_back(tensor_of(norm + (is_torch(family) ? torch[i] : tensor_flow[i]), array.shape, array.values));
      }
      if (is_torch(family)) {
        tensors.push_back({{norm + ".num_batches_tracked", ArchiveType::i64, {}}, std::vector<std::uint8_t>(8)});
      }
    }
    break;
  }
  const NamedArray &kernel = *arrays.at("predictions/kernel"), &bias = *arrays.at("predictions/bias");
  const std::int64_t inputs = kernel.shape[2], classes = kernel.shape[3];
  if (is_torch(family)) {
    const std::string name = family == "torchvision" ? "classifier.1" : "classifier";
    LoadedTensor transposed = torch_kernel(name + ".weight", kernel, false);
    transposed.entry.shape = {classes, inputs};
    tensors.push_back(std::move(transposed));
    tensors.push_back(tensor_of(name + ".bias", {classes}, bias.values));
  } else if (family == "keras") {
    tensors.push_back(tensor_of("predictions/kernel", {inputs, classes}, kernel.values));
    tensors.push_back(tensor_of("predictions/bias", {classes}, bias.values));
  } else {
    tensors.push_back(tensor_of("MobilenetV2/Logits/Conv2d_1c_1x1/weights", {1, 1, inputs, classes}, kernel.values));
    tensors.push_back(tensor_of("MobilenetV2/Logits/Conv2d_1c_1x1/biases", {classes}, bias.values));
  }
  return {"safetensors", family + ".safetensors", std::move(tensors), {}};
}

std::vector<std::uint8_t> as_safetensors(const Archive& archive) {
  std::vector<std::vector<std::uint8_t>> bytes;
  std::vector<SafetensorsTensor> tensors;
  for (const ArchiveEntry& entry : archive.entries()) bytes.push_back(archive.read(entry.name));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const ArchiveEntry& entry = archive.entries()[i];
    tensors.push_back({entry.name, entry.type, entry.shape, bytes[i]});
  }
  return encode_safetensors(tensors, archive.metadata());
}

}  // namespace karyon
