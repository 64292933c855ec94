// Invariant: every field is written and read by one line each, side by side in the same order.
#include "weights/checkpoint.h"

#include <array>
#include <limits>
#include <system_error>
#include <utility>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/array_file.h"
#include "weights/numbers.h"
#include "weights/safetensors.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

constexpr int kFormat = 1;
constexpr const char* kArchitecture = "mobilenet_v2_unet";
constexpr const char* kProbe = "probe";  // optional
constexpr const char* kScorePrefix = "score.";
constexpr const char* kRangePrefix = "range.";
constexpr float kWidestRange = 1e9F;  // to either side
constexpr std::uint64_t kLargestFile = std::uint64_t{2} << 30;

using Metadata = std::map<std::string, std::string>;

template <typename Range>
std::string list_text(const Range& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ",") + number_text(number);
  return text;
}

/// Reads typed fields out of the metadata; each failure names the file and the field.
class Fields {
 public:
  Fields(const Metadata& metadata, const std::string& source) : metadata_(metadata), source_(source) {}

  [[nodiscard]] const std::string& text(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end()) throw Error(Exit::bad_data, source_ + ": the checkpoint lacks the field " + key);
    return found->second;
  }

  /// One number between the bounds, both allowed.
  template <typename Number>
  [[nodiscard]] Number number(const std::string& key, Number low, Number high) const {
    return parsed(key, text(key), low, high);
  }

  /// Numbers with commas between them.
  template <typename Number>
  [[nodiscard]] std::vector<Number> list(const std::string& key, Number low, Number high) const {
    std::vector<Number> numbers;
    std::string_view rest = text(key);
    for (bool more = true; more;) {
      const std::size_t comma = rest.find(',');
      more = comma != std::string_view::npos;
      numbers.push_back(parsed(key, rest.substr(0, comma), low, high));
      if (more) rest.remove_prefix(comma + 1);
    }
    return numbers;
  }

  template <typename Number>
  [[nodiscard]] std::vector<Number> list_of(std::size_t count, const std::string& key, Number low, Number high) const {
    std::vector<Number> numbers = list(key, low, high);
    if (numbers.size() != count) refuse(key, std::to_string(count) + " numbers");
    return numbers;
  }

  [[nodiscard]] const std::string& one_of(const std::string& key, const char* first, const char* second) const {
    const std::string& value = text(key);
    if (value != first && value != second) refuse(key, std::string(first) + " or " + second);
    return value;
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const {
    throw Error(Exit::bad_data,
                source_ + ": the checkpoint's " + key + " is " + printable(text(key)) + ", expected " + expected);
  }

 private:
  template <typename Number>
  [[nodiscard]] Number parsed(const std::string& key, std::string_view word, Number low, Number high) const {
    const std::optional<Number> value = parse_number<Number>(word);
    // Written so that NaN fails too.
    if (!value || !(*value >= low && *value <= high)) {
      refuse(key, "numbers from " + number_text(low) + " to " + number_text(high));
    }
    return *value;
  }

  const Metadata& metadata_;
  const std::string& source_;
};

Metadata metadata_of(const Checkpoint& checkpoint) {
  Metadata metadata{
      {"karyon_format", number_text(kFormat)},
      {"architecture", kArchitecture},
      {"width", number_text(checkpoint.width)},
      {"decoder_filters", list_text(checkpoint.decoder_filters)},
      {"classes", number_text(checkpoint.classes)},
      {"image_size", list_text(std::array{checkpoint.image_height, checkpoint.image_width})},
      {"scale", checkpoint.scale},
      {"encoder_family", checkpoint.encoder_family},
      {"padding", checkpoint.padding},
      {"activation", checkpoint.activation},
      {"normalisation", checkpoint.normalisation_name},
      {"normalisation_scale", list_text(checkpoint.normalisation.scale)},
      {"normalisation_shift", list_text(checkpoint.normalisation.shift)},
      {"encoder_bn_epsilon", number_text(checkpoint.encoder_batch_norm.epsilon)},
      {"encoder_bn_momentum", number_text(checkpoint.encoder_batch_norm.momentum)},
      {"decoder_bn_epsilon", number_text(checkpoint.decoder_batch_norm.epsilon)},
      {"decoder_bn_momentum", number_text(checkpoint.decoder_batch_norm.momentum)},
      {"threshold", number_text(checkpoint.threshold)},
      {"marker_threshold", number_text(checkpoint.marker_threshold)},
      {"min_area", number_text(checkpoint.min_area)},
      {"epoch", number_text(checkpoint.epoch)},
  };
  if (!checkpoint.probe.empty()) metadata.emplace(kProbe, list_text(checkpoint.probe));
  for (const auto& [name, score] : checkpoint.scores) metadata.emplace(kScorePrefix + name, number_text(score));
  for (const auto& [layer, range] : checkpoint.activation_ranges) {
    metadata.emplace(kRangePrefix + layer, list_text(range));
  }
  return metadata;
}

Checkpoint checkpoint_of(const Metadata& metadata, const std::string& source) {
  constexpr int many = 1 << 16;
  constexpr float big = std::numeric_limits<float>::max();
  constexpr double huge = std::numeric_limits<double>::max();
  const Fields fields(metadata, source);
  Checkpoint checkpoint;
  checkpoint.width = fields.number<double>("width", 0.01, 16);
  checkpoint.decoder_filters = fields.list<int>("decoder_filters", 1, many);
  checkpoint.classes = fields.number<int>("classes", 1, many);
  const std::vector<int> size = fields.list_of<int>(2, "image_size", 1, many);
  checkpoint.image_height = size[0];
  checkpoint.image_width = size[1];
  // Checkpoints from before there was a choice lack it.
  if (metadata.contains("scale")) checkpoint.scale = fields.one_of("scale", "resized", "native");
  checkpoint.encoder_family = fields.text("encoder_family");
  checkpoint.padding = fields.one_of("padding", "same", "symmetric");
  checkpoint.activation = fields.one_of("activation", "relu6", "relu");
  checkpoint.normalisation_name = fields.text("normalisation");
  const std::vector<float> scale = fields.list_of<float>(3, "normalisation_scale", -big, big);
  const std::vector<float> shift = fields.list_of<float>(3, "normalisation_shift", -big, big);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    checkpoint.normalisation.scale[channel] = scale[channel];
    checkpoint.normalisation.shift[channel] = shift[channel];
  }
  checkpoint.encoder_batch_norm.epsilon = fields.number<double>("encoder_bn_epsilon", 0, 1);
  checkpoint.encoder_batch_norm.momentum = fields.number<double>("encoder_bn_momentum", 0, 1);
  checkpoint.decoder_batch_norm.epsilon = fields.number<double>("decoder_bn_epsilon", 0, 1);
  checkpoint.decoder_batch_norm.momentum = fields.number<double>("decoder_bn_momentum", 0, 1);
  checkpoint.threshold = fields.number<double>("threshold", 0, 1);
  if (metadata.contains("marker_threshold")) {
    checkpoint.marker_threshold = fields.number<double>("marker_threshold", 0, 1);
    checkpoint.min_area = fields.number<int>("min_area", 0, std::numeric_limits<int>::max());
  }
  checkpoint.epoch = fields.number<int>("epoch", 0, std::numeric_limits<int>::max());
  if (metadata.contains(kProbe)) checkpoint.probe = fields.list<float>(kProbe, -big, big);
  const std::string prefix = kScorePrefix;
  for (auto entry = metadata.lower_bound(prefix); entry != metadata.end() && entry->first.starts_with(prefix);
       ++entry) {
    checkpoint.scores.emplace(entry->first.substr(prefix.size()), fields.number<double>(entry->first, -huge, huge));
  }
  const std::string ranges = kRangePrefix;
  for (auto entry = metadata.lower_bound(ranges); entry != metadata.end() && entry->first.starts_with(ranges);
       ++entry) {
    const std::vector<float> range = fields.list_of<float>(2, entry->first, -kWidestRange, kWidestRange);
    checkpoint.activation_ranges.emplace(entry->first.substr(ranges.size()), std::array{range[0], range[1]});
  }
  return checkpoint;
}

void check_origin(const Metadata& metadata, const std::string& source) {
  if (!metadata.contains("karyon_format")) {
    throw Error(Exit::bad_data, source + " is not a checkpoint of Karyon's (its metadata have no karyon_format)");
  }
  const Fields fields(metadata, source);
  const int format = fields.number<int>("karyon_format", 1, std::numeric_limits<int>::max());
  if (format > kFormat) {
    throw Error(Exit::bad_data, source + " has checkpoint format " + std::to_string(format) +
                                    ", this program reads up to " + std::to_string(kFormat) + "; use a newer Karyon");
  }
  if (fields.text("architecture") != kArchitecture) fields.refuse("architecture", kArchitecture);
}

}  // namespace

std::vector<std::uint8_t> encode_checkpoint(const Checkpoint& checkpoint, Storage storage) {
  return encode_arrays({metadata_of(checkpoint), checkpoint.tensors}, storage);
}

Checkpoint decode_checkpoint(std::vector<std::uint8_t> bytes, const std::string& source) {
  const SafetensorsFile safetensors(std::move(bytes), source);
  check_origin(safetensors.metadata(), source);
  ArrayFile file = decode_arrays(safetensors, source);
  Checkpoint checkpoint = checkpoint_of(file.metadata, source);
  checkpoint.tensors = std::move(file.arrays);
  return checkpoint;
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  write_file(path, encode_checkpoint(checkpoint));
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  const std::string source = path.string();
  if (source.find("://") != std::string::npos) {
    throw Error(Exit::bad_data, source + ": this tool does not download; fetch the file and give its path");
  }
  std::vector<std::uint8_t> bytes = read_file(path, kLargestFile);
  try {
    return decode_checkpoint(std::move(bytes), source);
  } catch (const Error& error) {
    const std::filesystem::path previous = previous_of(path);
    std::error_code ignored;
    if (error.code() != Exit::bad_data || !std::filesystem::is_regular_file(previous, ignored)) throw;
    throw Error(error.code(), std::string(error.what()) + "; the one before it is at " + previous.string());
  }
}

}  // namespace karyon
