// Invariant: names and shapes are compared in full before the first value is read.
#include "weights/encoder_weights.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/encoder_family.h"
#include "weights/encoder_layout.h"
#include "weights/hugging_face_config.h"
#include "weights/numbers.h"
#include "weights/open_archive.h"
#include "weights/safetensors_header.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 28;  // the widest MobileNetV2 has 24 MB
constexpr float kLargestWeight = 1e6F;
constexpr std::string_view kStatedEpsilon = "separate, eps ";  // what batch_norm's metadata may begin with

using Shape = std::vector<std::int64_t>;

[[noreturn]] void refuse(const std::string& source, const std::string& message) {
  throw Error(Exit::bad_data, source + message);
}

/// A file's tensors by name.
class Index {
 public:
  explicit Index(const Archive& archive) : archive_(archive) {
    for (const ArchiveEntry& entry : archive.entries()) by_name_.emplace(entry.name, &entry);
  }
  [[nodiscard]] const ArchiveEntry* find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  [[nodiscard]] const Archive& archive() const { return archive_; }

 private:
  const Archive& archive_;
  std::map<std::string_view, const ArchiveEntry*> by_name_;
};

/// What was recognised: a family, and which of its two forms.
struct Form {
  const EncoderFamily* family = nullptr;
  bool folded = false;

  [[nodiscard]] const std::array<std::size_t, 4>& axes(const EncoderConv& conv) const {
    return conv.role == ConvRole::depthwise ? family->depthwise_axes : family->conv_axes;
  }
  [[nodiscard]] Shape file_shape(const EncoderConv& conv) const {
    const auto canonical = conv.kernel_shape();
    Shape shape(4);
    for (std::size_t k = 0; k < 4; ++k) shape[axes(conv)[k]] = canonical[k];
    return shape;
  }
  /// The bias that a folded batch norm left, or its four parameters.
  [[nodiscard]] std::vector<std::string> norm_names(const EncoderConv& conv) const {
    if (folded) return {family->bias_name(conv)};
    std::vector<std::string> names;
    for (const std::string_view word : family->norm_words) names.push_back(family->norm_name(conv).append(word));
    return names;
  }
};

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

/// The form whose stem is there: its kernel, and the bias or the batch norm behind it.
Form form_of(const Index& index, const std::string& source) {
  const std::string stranger = recognised_stranger(index.archive());
  if (!stranger.empty()) refuse(source, " is " + stranger);
  const EncoderConv stem = mobilenet_v2_convs(1).front();
  std::optional<Form> incomplete;
  std::string known;
  for (const EncoderFamily& family : encoder_families()) {
    if (known.find(family.name) == std::string::npos) known.append(known.empty() ? "" : ", ").append(family.name);
    if (index.find(family.kernel_name(stem)) == nullptr) continue;
    for (const bool folded : {false, true}) {
      if (folded ? family.bias_name == nullptr : family.norm_name == nullptr) continue;
      const Form form{&family, folded};
      if (index.find(form.norm_names(stem).front()) != nullptr) return form;
      if (!incomplete) incomplete = form;
    }
  }
  if (!incomplete) refuse(source, ": unknown family of MobileNetV2 weights (read here: " + known + ")");
  return *incomplete;
}

void check_metadata(const Form& form, const Archive& archive, const std::string& source) {
  std::string against = contradiction(*form.family, archive);
  const auto said = archive.metadata().find("batch_norm");
  if (against.empty() && said != archive.metadata().end() && said->second.starts_with("folded") != form.folded) {
    against = "batch_norm is '" + said->second + "', but by the tensors it is " + (form.folded ? "folded" : "separate");
  }
  if (against.empty()) return;
  refuse(source,
         " has the tensor names of " + std::string(form.family->name) + ", but its metadata disagree: " + against);
}

/// The width whose shapes fit the most kernels. Widths close to each other give the same channels, so the published
/// ones come first; the others in steps of 0.01.
double width_of(const Index& index, const Form& form) {
  std::vector<double> candidates{1.0, 0.35, 0.5, 0.75, 1.3, 1.4};
  for (int percent = 35; percent <= 140; ++percent) candidates.push_back(percent / 100.0);
  double best = candidates.front();
  std::ptrdiff_t most = 0;
  for (const double width : candidates) {
    const auto fits = std::ranges::count_if(mobilenet_v2_convs(width), [&](const EncoderConv& conv) {
      const ArchiveEntry* entry = index.find(form.family->kernel_name(conv));
      return entry != nullptr && entry->shape == form.file_shape(conv);
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
  explicit Comparison(const Index& index) : index_(index) {}

  void expect(const std::string& name, const Shape& shape) {
    expected_.insert(name);
    const ArchiveEntry* entry = index_.find(name);
    if (entry == nullptr) {
      add(name + " is missing, expected " + shape_text(shape));
    } else if (entry->shape != shape) {
      add(name + " is " + shape_text(entry->shape) + ", expected " + shape_text(shape));
    } else if (!is_floating(entry->type)) {
      add(name + " has dtype " + std::string(dtype_name(entry->type)) + ", expected floating point");
    }
  }

  /// What the encoder does without, where it is there.
  void allow(const std::string& name) { optional_.insert(name); }

  /// Call last: counts what is left over, and names it unless it is allowed.
  int unused(std::string_view bookkeeping) {
    int count = 0;
    for (const ArchiveEntry& entry : index_.archive().entries()) {
      if (expected_.contains(entry.name)) continue;
      ++count;
      const bool counter = !bookkeeping.empty() && entry.name.ends_with(bookkeeping);
      if (!counter && !optional_.contains(entry.name)) add(printable(entry.name) + " is not expected");
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

  const Index& index_;
  std::set<std::string> expected_, optional_;
  int differences_ = 0;
  std::string text_;
};

void expect_conv(Comparison& comparison, const Form& form, const EncoderConv& conv) {
  comparison.expect(form.family->kernel_name(conv), form.file_shape(conv));
  for (const std::string& name : form.norm_names(conv)) comparison.expect(name, {conv.outputs});
}

/// A convolution's kernel and batch norm under their canonical names.
void append_conv(std::vector<NamedArray>& arrays, const Archive& archive, const Form& form, double epsilon,
                 const EncoderConv& conv) {
  constexpr std::array<const char*, 4> words{"/gamma", "/beta", "/moving_mean", "/moving_variance"};
  const auto shape = conv.kernel_shape();
  arrays.push_back(
      {conv.name + "/kernel",
       {shape.begin(), shape.end()},
       permuted(archive.read_floats(form.family->kernel_name(conv)), form.file_shape(conv), form.axes(conv))});
  const Shape channels{conv.outputs};
  const std::vector<std::string> names = form.norm_names(conv);
  for (std::size_t i = 0; i < words.size(); ++i) {
    NamedArray array{conv.batch_norm + words[i], channels, {}};
    if (!form.folded) {
      array.values = archive.read_floats(names[i]);
    } else if (i == 1) {
      array.values = archive.read_floats(names.front());
    } else {
      const std::array<double, 4> identity{std::sqrt(1 + epsilon), 0, 0, 1};
      array.values.assign(static_cast<std::size_t>(conv.outputs), static_cast<float>(identity[i]));
    }
    arrays.push_back(std::move(array));
  }
}

/// The classifier's kernel as the file has it.
Shape classifier_shape(const EncoderFamily& family, std::int64_t inputs, std::int64_t classes) {
  Shape shape(family.classifier_rank, 1);
  shape[family.classifier_axes[0]] = inputs;
  shape[family.classifier_axes[1]] = classes;
  return shape;
}

/// Whether the last 1x1 and the classifier are there in full; of how many classes, else 0.
std::int64_t classes_of(const Index& index, const Form& form, const EncoderConv& last) {
  Comparison comparison(index);
  expect_conv(comparison, form, last);
  const ArchiveEntry* bias = index.find(std::string(form.family->classifier_bias));
  if (bias == nullptr || bias->shape.size() != 1 || bias->shape[0] < 1) return 0;
  comparison.expect(std::string(form.family->classifier_kernel),
                    classifier_shape(*form.family, last.outputs, bias->shape[0]));
  comparison.expect(bias->name, bias->shape);
  return comparison.differences() == 0 ? bias->shape[0] : 0;
}

void append_predictions(EncoderWeights& weights, const Archive& archive, const EncoderFamily& family,
                        std::int64_t inputs) {
  std::vector<float> kernel = archive.read_floats(std::string(family.classifier_kernel));
  if (family.classifier_axes[0] > family.classifier_axes[1]) {  // classes by inputs
    kernel = permuted(kernel, {1, 1, weights.classes, inputs}, {0, 1, 3, 2});
  }
  weights.classifier_tensors.push_back({"predictions/kernel", {1, 1, inputs, weights.classes}, std::move(kernel)});
  weights.classifier_tensors.push_back(
      {"predictions/bias", {weights.classes}, archive.read_floats(std::string(family.classifier_bias))});
}

void check_values(const std::vector<NamedArray>& arrays, const std::string& source) {
  for (const NamedArray& array : arrays) {
    const std::string unfit = unfit_value(array, kLargestWeight);
    if (!unfit.empty()) refuse(source + ": ", unfit + "; weights must be finite and at most 1e6 in magnitude");
    if (array.name.ends_with("/moving_variance") && std::ranges::min(array.values) < 0) {
      refuse(source + ": ", "tensor '" + array.name + "' holds a negative variance");
    }
  }
}

double epsilon_of(const Form& form, const Archive& archive, const std::string& source) {
  const auto said = archive.metadata().find("batch_norm");
  if (said == archive.metadata().end() || !said->second.starts_with(kStatedEpsilon)) {
    return form.family->batch_norm_epsilon;
  }
  const auto epsilon = parse_number<double>(std::string_view(said->second).substr(kStatedEpsilon.size()));
  if (!epsilon || !(*epsilon > 0 && *epsilon < 1)) {
    refuse(source, ": batch_norm is '" + said->second + "', expected an epsilon between 0 and 1");
  }
  return *epsilon;
}

}  // namespace

EncoderWeights read_encoder_weights(const Archive& archive, const std::string& source) {
  const Index index(archive);
  const Form form = form_of(index, source);
  const EncoderFamily& family = *form.family;
  check_metadata(form, archive, source);
  EncoderWeights weights;
  weights.container = archive.container();
  weights.family = family.name;
  weights.padding = family.padding;
  weights.activation = family.activation;
  weights.normalisation_name = family.normalisation_name;
  weights.normalisation = family.normalisation;
  weights.batch_norm = form.folded ? "folded" : "separate";
  weights.batch_norm_epsilon = epsilon_of(form, archive, source);
  weights.batch_norm_momentum = family.batch_norm_momentum;
  weights.width = width_of(index, form);

  const std::vector<EncoderConv> convs = mobilenet_v2_convs(weights.width);
  const EncoderConv last = last_conv(weights.width);
  Comparison comparison(index);
  for (const EncoderConv& conv : convs) expect_conv(comparison, form, conv);
  comparison.allow(family.kernel_name(last));
  for (const std::string& name : form.norm_names(last)) comparison.allow(name);
  comparison.allow(std::string(family.classifier_kernel));
  comparison.allow(std::string(family.classifier_bias));
  weights.tensors_used = comparison.used();
  weights.tensors_unused = comparison.unused(family.bookkeeping);
  if (comparison.differences() > 0) {
    throw Error(Exit::bad_data, source + " does not fit MobileNetV2 of width " + number_text(weights.width) + " (" +
                                    weights.family + "), " + std::to_string(comparison.differences()) +
                                    " differences:" + comparison.text());
  }

  for (const EncoderConv& conv : convs) {
    append_conv(weights.tensors, archive, form, weights.batch_norm_epsilon, conv);
  }
  weights.classes = classes_of(index, form, last);
  if (weights.classes > 0) {
    append_conv(weights.classifier_tensors, archive, form, weights.batch_norm_epsilon, last);
    append_predictions(weights, archive, family, last.outputs);
  }
  check_values(weights.tensors, source);
  check_values(weights.classifier_tensors, source);
  return weights;
}

EncoderWeights load_encoder_weights(const std::filesystem::path& path) {
  const std::string source = path.string();
  if (source.find("://") != std::string::npos) {
    throw Error(Exit::bad_data, source + ": this tool does not download; fetch the file and give its path");
  }
  std::vector<std::uint8_t> bytes = read_file(path, kLargestFile);
  std::string sha256 = sha256_hex(bytes);
  EncoderWeights weights = read_encoder_weights(*open_archive(std::move(bytes), source), source);
  weights.sha256 = std::move(sha256);
  if (weights.family == "huggingface") heed_hugging_face_config(path.parent_path() / "config.json", weights);
  return weights;
}

}  // namespace karyon
