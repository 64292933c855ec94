// Invariant: names and shapes are compared in full before the first value is read.
#include "weights/encoder_weights.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/encoder_family.h"
#include "weights/encoder_layout.h"
#include "weights/numbers.h"
#include "weights/safetensors.h"
#include "weights/safetensors_header.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 30;  // the widest MobileNetV2 has 24 MB
constexpr float kLargestWeight = 1e6F;

using Shape = std::vector<std::int64_t>;

const std::array<std::size_t, 4>& axes_of(const EncoderFamily& family, const EncoderConv& conv) {
  return conv.role == ConvRole::depthwise ? family.depthwise_axes : family.conv_axes;
}

Shape file_shape(const EncoderFamily& family, const EncoderConv& conv) {
  const auto canonical = conv.kernel_shape();
  const auto& axes = axes_of(family, conv);
  Shape shape(4);
  for (std::size_t k = 0; k < 4; ++k) shape[axes[k]] = canonical[k];
  return shape;
}

/// Row-major `values` of `shape`, its axes reordered so that axis k of the result is axis axes[k].
std::vector<float> permuted(const std::vector<float>& values, const Shape& shape,
                            const std::array<std::size_t, 4>& axes) {
  std::array<std::int64_t, 4> stride{};
  std::int64_t step = 1;
  for (std::size_t k = 4; k-- > 0;) {
    stride[k] = step;
    step *= shape[k];
  }
  std::vector<float> result;
  result.reserve(values.size());
  std::array<std::int64_t, 4> at{};
  for (at[0] = 0; at[0] < shape[axes[0]]; ++at[0]) {
    for (at[1] = 0; at[1] < shape[axes[1]]; ++at[1]) {
      for (at[2] = 0; at[2] < shape[axes[2]]; ++at[2]) {
        for (at[3] = 0; at[3] < shape[axes[3]]; ++at[3]) {
          std::int64_t from = 0;
          for (std::size_t k = 0; k < 4; ++k) from += at[k] * stride[axes[k]];
          result.push_back(values[static_cast<std::size_t>(from)]);
        }
      }
    }
  }
  return result;
}

[[noreturn]] void refuse(const std::string& source, const std::string& message) {
  throw Error(Exit::bad_data, source + message);
}

const EncoderFamily& family_of(const Archive& archive, const std::string& source) {
  const std::string stranger = recognised_stranger(archive);
  if (!stranger.empty()) refuse(source, " is " + stranger);
  const EncoderConv stem = mobilenet_v2_convs(1).front();
  const auto families = encoder_families();
  const auto family = std::ranges::find_if(
      families, [&](const EncoderFamily& entry) { return archive.find(entry.kernel_name(stem)) != nullptr; });
  if (family == families.end()) {
    std::string known;
    for (const EncoderFamily& entry : families) known.append(known.empty() ? "" : ", ").append(entry.name);
    refuse(source, ": unknown family of MobileNetV2 weights (read here: " + known + ")");
  }
  const std::string contradiction = family->contradiction(archive);
  if (!contradiction.empty()) {
    refuse(source,
           " has the tensor names of " + std::string(family->name) + ", but its metadata disagree: " + contradiction);
  }
  return *family;
}

/// The width whose shapes fit the most kernels. Widths close to each other give the same channels, so the published
/// ones come first; the others in steps of 0.01.
double width_of(const Archive& archive, const EncoderFamily& family) {
  std::vector<double> candidates{1.0, 0.35, 0.5, 0.75, 1.3, 1.4};
  for (int percent = 35; percent <= 140; ++percent) candidates.push_back(percent / 100.0);
  double best = candidates.front();
  std::ptrdiff_t most = 0;
  for (const double width : candidates) {
    const auto fits = std::ranges::count_if(mobilenet_v2_convs(width), [&](const EncoderConv& conv) {
      const ArchiveEntry* entry = archive.find(family.kernel_name(conv));
      return entry != nullptr && entry->shape == file_shape(family, conv);
    });
    if (fits > most) {
      most = fits;
      best = width;
    }
  }
  return best;
}

bool is_floating(ArchiveType type) {
  return type == ArchiveType::f64 || type == ArchiveType::f32 || type == ArchiveType::f16 || type == ArchiveType::bf16;
}

/// Collects what differs between a file and its family.
class Comparison {
 public:
  explicit Comparison(const Archive& archive) : archive_(archive) {}

  void expect(const std::string& name, const Shape& shape) {
    expected_.insert(name);
    const ArchiveEntry* entry = archive_.find(name);
    if (entry == nullptr) {
      add(name + " is missing, expected " + shape_text(shape));
    } else if (entry->shape != shape) {
      add(name + " is " + shape_text(entry->shape) + ", expected " + shape_text(shape));
    } else if (!is_floating(entry->type)) {
      add(name + " has dtype " + std::string(dtype_name(entry->type)) + ", expected floating point");
    }
  }

  /// Call last: counts what is left over, and names it unless it is optional.
  int unused(const EncoderFamily& family) {
    int count = 0;
    for (const ArchiveEntry& entry : archive_.entries()) {
      if (expected_.contains(entry.name)) continue;
      ++count;
      if (!family.is_optional(entry.name)) add(printable(entry.name) + " is not expected");
    }
    return count;
  }

  [[nodiscard]] int used() const { return static_cast<int>(expected_.size()); }
  [[nodiscard]] int differences() const { return differences_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void add(const std::string& difference) {
    ++differences_;
    text_ += "\n  " + difference;
  }

  const Archive& archive_;
  std::set<std::string> expected_;
  int differences_ = 0;
  std::string text_;
};

void append_conv(EncoderWeights& weights, const Archive& archive, const EncoderFamily& family,
                 const EncoderConv& conv) {
  const auto kernel_shape = conv.kernel_shape();
  weights.tensors.push_back(
      {conv.name + "/kernel",
       {kernel_shape.begin(), kernel_shape.end()},
       permuted(archive.read_floats(family.kernel_name(conv)), file_shape(family, conv), axes_of(family, conv))});
  const Shape channels{conv.outputs};
  const auto count = static_cast<std::size_t>(conv.outputs);
  const auto gamma = static_cast<float>(std::sqrt(1 + family.batch_norm_epsilon));
  const std::string& norm = conv.batch_norm;
  weights.tensors.push_back({norm + "/gamma", channels, std::vector<float>(count, gamma)});
  weights.tensors.push_back({norm + "/beta", channels, archive.read_floats(family.bias_name(conv))});
  weights.tensors.push_back({norm + "/moving_mean", channels, std::vector<float>(count, 0.0F)});
  weights.tensors.push_back({norm + "/moving_variance", channels, std::vector<float>(count, 1.0F)});
}

/// Formats that users hold MobileNetV2 in, by their first bytes; empty for none of them.
std::string other_container(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\x89HDF")) return "HDF5 (Keras .h5)";
  if (text.starts_with("PK\x03\x04")) return "a zip (PyTorch .pth or .keras)";
  if (text.starts_with("\x80\x02")) return "a Python pickle (PyTorch .pth)";
  return {};
}

}  // namespace

EncoderWeights read_encoder_weights(const Archive& archive, const std::string& source) {
  const EncoderFamily& family = family_of(archive, source);
  EncoderWeights weights;
  weights.container = archive.container();
  weights.family = family.name;
  weights.padding = family.padding;
  weights.activation = family.activation;
  weights.normalisation_name = family.normalisation_name;
  weights.normalisation = family.normalisation;
  weights.batch_norm = "folded";
  weights.batch_norm_epsilon = family.batch_norm_epsilon;
  weights.width = width_of(archive, family);
  weights.classifier = std::ranges::any_of(archive.entries(),
                                           [&](const ArchiveEntry& entry) { return family.is_classifier(entry.name); });

  const std::vector<EncoderConv> convs = mobilenet_v2_convs(weights.width);
  Comparison comparison(archive);
  for (const EncoderConv& conv : convs) {
    comparison.expect(family.kernel_name(conv), file_shape(family, conv));
    comparison.expect(family.bias_name(conv), {conv.outputs});
  }
  weights.tensors_used = comparison.used();
  weights.tensors_unused = comparison.unused(family);
  if (comparison.differences() > 0) {
    throw Error(Exit::bad_data, source + " does not fit MobileNetV2 of width " + number_text(weights.width) + " (" +
                                    weights.family + "), " + std::to_string(comparison.differences()) +
                                    " differences:" + comparison.text());
  }

  for (const EncoderConv& conv : convs) append_conv(weights, archive, family, conv);
  for (const NamedArray& tensor : weights.tensors) {
    const std::string unfit = unfit_value(tensor, kLargestWeight);
    if (!unfit.empty()) refuse(source + ": ", unfit + "; weights must be finite and at most 1e6 in magnitude");
  }
  return weights;
}

EncoderWeights load_encoder_weights(const std::filesystem::path& path) {
  const std::string source = path.string();
  if (source.find("://") != std::string::npos) {
    throw Error(Exit::bad_data, source + ": this tool does not download; fetch the file and give its path");
  }
  std::vector<std::uint8_t> bytes = read_file(path, kLargestFile);
  const std::string other = other_container(bytes);
  if (!other.empty()) throw Error(Exit::bad_data, source + " is " + other + ", expected safetensors");
  std::string sha256 = sha256_hex(bytes);
  EncoderWeights weights = read_encoder_weights(SafetensorsFile(std::move(bytes), source), source);
  weights.sha256 = std::move(sha256);
  return weights;
}

}  // namespace karyon
