#include "weights/onnx_mobilenet.h"

#include <array>
#include <set>

#include "weights/numbers.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

constexpr std::array<int, 17> kStrides{1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1};
constexpr std::size_t kGluonsStride = 10;  // the block at which Gluon's network halves the image, and the paper's not
constexpr std::int64_t kImageChannels = 3;

/// A layer as the network has it at this place.
struct Place {
  ConvRole role = ConvRole::stem;
  int block = 0;
  [[nodiscard]] std::int64_t size() const { return role == ConvRole::stem || role == ConvRole::depthwise ? 3 : 1; }
  [[nodiscard]] bool is_activated() const { return role != ConvRole::project; }
  [[nodiscard]] std::string words() const {
    constexpr std::array<const char*, 5> kRoles{"the stem", "expansion", "depthwise convolution", "projection",
                                                "the last 1x1"};
    const std::string part = kRoles[static_cast<std::size_t>(role)];
    return role == ConvRole::stem || role == ConvRole::last ? part : "block " + std::to_string(block) + "'s " + part;
  }
};

/// Walks from the image to the end; value_ is where it stands.
class Walk {
 public:
  explicit Walk(OnnxWiring& wiring) : wiring_(wiring), value_(wiring.image()) {}

  OnnxMobileNet run() {
    follow_layer(only_reader("the stem"), {ConvRole::stem, 0});
    for (int block = 0; block < static_cast<int>(kStrides.size()); ++block) follow_block(block);
    check_strides();
    if (!wiring_.readers(value_).empty()) {
      follow_layer(only_reader("the last 1x1"), {ConvRole::last, 0});
      follow_head();
    }
    wiring_.check_all_taken();
    if (!padding_) wiring_.fail("shows no padding");
    network_.padding = *padding_;
    return std::move(network_);
  }

 private:
  const OnnxNode& only_reader(const std::string& expected) const {
    const auto& readers = wiring_.readers(value_);
    if (readers.empty()) wiring_.fail("the network ends where " + expected + " was expected");
    if (readers.size() > 1) {
      wiring_.fail("the value " + printable(value_) + " goes to " + described(*readers[0]) + " and " +
                   described(*readers[1]) + ", expected " + expected + " alone");
    }
    return *readers[0];
  }

  /// Goes on to what the node gives. Its first input must be where the walk stands.
  void step(const OnnxNode& node) {
    if (node.inputs[0] != value_) wiring_.fail(described(node) + " has its inputs in another order");
    wiring_.take(node);
    value_ = node.outputs[0];
  }

  void follow_layer(const OnnxNode& first, const Place& place) {
    const OnnxNode* node = &first;
    OnnxPads padded{};
    if (node->op == "Pad") {
      padded = pads_of(wiring_, *node);
      step(*node);
      node = &only_reader(place.words());
    }
    if (node->op != "Conv") wiring_.fail(place.words() + ": found " + described(*node) + ", expected Conv");
    OnnxLayer layer{place.role, place.block, conv_of(wiring_, *node, padded), std::nullopt};
    check_conv(layer.conv, place, *node);
    step(*node);
    channels_ = layer.conv.outputs;
    follow_batch_norm(layer, place);
    if (place.is_activated()) {
      const OnnxNode& clip = only_reader("ReLU6 (Clip) behind " + place.words());
      if (clip.op != "Clip") wiring_.fail(place.words() + ": found " + described(clip) + " behind it, expected Clip");
      check_relu6(wiring_, clip);
      step(clip);
    }
    network_.layers.push_back(layer);
  }

  void check_conv(const OnnxConv& conv, const Place& place, const OnnxNode& node) {
    const auto fail = [&](const std::string& message) {
      wiring_.fail(place.words() + ", " + described(node) + ": " + message);
    };
    const bool is_depthwise = place.role == ConvRole::depthwise;
    if (conv.size != place.size() || conv.group != (is_depthwise ? channels_ : 1)) {
      fail("a " + std::to_string(conv.size) + "x" + std::to_string(conv.size) + " convolution in " +
           std::to_string(conv.group) + " groups, expected " + (place.size() == 3 ? "3x3" : "1x1") + " in " +
           std::to_string(is_depthwise ? channels_ : 1));
    }
    if (conv.inputs != channels_) {
      fail("takes " + std::to_string(conv.inputs) + " channels, expected " + std::to_string(channels_));
    }
    const std::int64_t stride = place.role == ConvRole::stem ? 2 : 1;
    if (!is_depthwise && conv.stride != stride) {
      fail("has stride " + std::to_string(conv.stride) + ", expected " + std::to_string(stride));
    }
    if (!kernels_.insert(conv.kernel).second) fail("uses a kernel that another convolution uses too");
    if (conv.padding == OnnxPadding::either) return;
    if (padding_ && *padding_ != conv.padding) {
      fail("is padded in another way than the layers before it (symmetric and SAME are mixed)");
    }
    padding_ = conv.padding;
  }

  void follow_batch_norm(OnnxLayer& layer, const Place& place) {
    const auto& readers = wiring_.readers(value_);
    if (readers.size() == 1 && readers[0]->op == "BatchNormalization") {
      layer.batch_norm = batch_norm_of(wiring_, *readers[0], channels_);
      step(*readers[0]);
    }
    if (layer.batch_norm.has_value() == (layer.conv.bias != nullptr)) {
      wiring_.fail(place.words() + " has " + (layer.batch_norm ? "both a bias and a" : "neither a bias nor a") +
                   " batch norm, expected one of them");
    }
    if (network_.layers.empty()) return;
    const std::optional<OnnxBatchNorm>& stem = network_.layers.front().batch_norm;
    if (stem.has_value() != layer.batch_norm.has_value()) {
      wiring_.fail(place.words() + ": batch norm is folded into some convolutions and not into others");
    }
    if (stem && stem->epsilon != layer.batch_norm->epsilon) {
      wiring_.fail(place.words() + " has the batch norm epsilon " + number_text(layer.batch_norm->epsilon) +
                   ", the stem " + number_text(stem->epsilon));
    }
  }

  void follow_block(int block) {
    const std::string where = "block " + std::to_string(block);
    const std::string entry = value_;
    const std::int64_t entry_channels = channels_;
    const OnnxNode* sum = nullptr;
    const OnnxNode* first = nullptr;
    for (const OnnxNode* reader : wiring_.readers(entry)) {
      const OnnxNode*& place = reader->op == "Add" ? sum : first;
      if (place != nullptr)
        wiring_.fail(where + " begins twice, with " + described(*place) + " and " + described(*reader));
      place = reader;
    }
    if (first == nullptr) wiring_.fail("the network ends where " + where + " was expected");
    if (block > 0) follow_layer(*first, {ConvRole::expand, block});
    const OnnxNode& depthwise = block > 0 ? only_reader(where + "'s depthwise convolution") : *first;
    follow_layer(depthwise, {ConvRole::depthwise, block});
    const std::int64_t stride = network_.layers.back().conv.stride;
    strides_.at(static_cast<std::size_t>(block)) = stride;
    follow_layer(only_reader(where + "'s projection"), {ConvRole::project, block});

    const bool is_due = stride == 1 && entry_channels == channels_;
    if (is_due != (sum != nullptr)) {
      wiring_.fail(where + (is_due ? " lacks the sum with its input" : " is summed with its input") + " (stride " +
                   std::to_string(stride) + ", " + std::to_string(entry_channels) + " to " + std::to_string(channels_) +
                   " channels)");
    }
    if (sum != nullptr) follow_sum(*sum, entry, where);
  }

  void follow_sum(const OnnxNode& sum, const std::string& entry, const std::string& where) {
    const bool is_ours = &only_reader(where + "'s sum") == &sum && sum.inputs.size() == 2 && entry != value_ &&
                         (sum.inputs[0] == entry || sum.inputs[1] == entry) &&
                         (sum.inputs[0] == value_ || sum.inputs[1] == value_);
    if (!is_ours) wiring_.fail(described(sum) + " is not the sum of " + where + "'s input and projection");
    wiring_.take(sum);
    value_ = sum.outputs[0];
  }

  void check_strides() const {
    if (strides_.at(kGluonsStride) != kStrides[kGluonsStride]) {
      wiring_.fail("Gluon's MobileNetV2, another network: stride at block 10; it would compute nonsense");
    }
    for (std::size_t block = 0; block < kStrides.size(); ++block) {
      if (strides_.at(block) == kStrides.at(block)) continue;
      wiring_.fail("another network than MobileNetV2: block " + std::to_string(block) + " has stride " +
                   std::to_string(strides_.at(block)) + ", expected " + std::to_string(kStrides.at(block)));
    }
  }

  void follow_head() {
    const std::set<std::string> passed{"GlobalAveragePool", "ReduceMean", "Flatten", "Reshape", "Squeeze", "Softmax"};
    while (!wiring_.readers(value_).empty()) {
      const OnnxNode& node = only_reader("the classifier");
      if (passed.contains(node.op)) {
        step(node);
        continue;
      }
      const bool is_classifier = node.op == "Gemm" || node.op == "MatMul" || node.op == "Conv";
      if (!is_classifier || network_.classifier) wiring_.fail("the classifier: found " + described(node));
      step(node);
      const OnnxNode* sum = node.op == "MatMul" ? sum_behind_product() : nullptr;
      network_.classifier = linear_of(wiring_, node, sum, channels_);
    }
  }

  /// The Add of the bias, where the walk then stands; nullptr when there is none.
  const OnnxNode* sum_behind_product() {
    const auto& readers = wiring_.readers(value_);
    if (readers.size() != 1 || readers[0]->op != "Add" || readers[0]->inputs.size() != 2) return nullptr;
    wiring_.take(*readers[0]);
    value_ = readers[0]->outputs[0];
    return readers[0];
  }

  OnnxWiring& wiring_;
  std::string value_;
  std::int64_t channels_ = kImageChannels;
  OnnxMobileNet network_;
  std::array<std::int64_t, kStrides.size()> strides_{};
  std::optional<OnnxPadding> padding_;
  std::set<const LoadedTensor*> kernels_;
};

}  // namespace

OnnxMobileNet find_mobilenet_v2(OnnxWiring& wiring) { return Walk(wiring).run(); }

}  // namespace karyon
