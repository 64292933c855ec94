#include "model/summary.h"

#include <cstdio>

namespace karyon {

namespace {

/// Collects rows while walking the network.
class Walker {
 public:
  Walker(ModelSummary& summary, int h, int w) : summary_(summary), at_{"input", h, w, 3} {}

  struct Point {
    std::string name;
    int h, w, c;
  };

  void conv_unit(ConvUnit& unit) {
    const ConvUnitSpec& s = unit.spec();
    const ConvGeometry g = unit.geometry(at_.h, at_.w);
    const Point in = at_;
    at_ = {s.conv_name, g.out_h(at_.h), g.out_w(at_.w), s.out};
    const std::int64_t kernel = unit.kernel().value.size();
    row(s.depthwise ? "DepthwiseConv2D" : "Conv2D", kernel, pixels() * kernel, in.name);
    if (unit.norm() == nullptr) return;
    follow(s.norm_name, "BatchNormalization", std::int64_t{4} * s.out);
    // Keras names the activations after the part: Conv1_relu, block_1_expand_relu.
    if (s.act == Activation::relu6) follow(s.conv_name + "_relu", "ReLU6", 0);
  }

  void upsample(const std::string& name, int in_channels, int filters, bool bias, const std::vector<Point>& inputs) {
    std::string names;
    for (const Point& p : inputs) names += (names.empty() ? "" : ", ") + p.name;
    const std::int64_t work = pixels_of(inputs[0]) * 9 * in_channels * filters;
    at_ = {name, 2 * inputs[0].h, 2 * inputs[0].w, filters};
    row("Conv2DTranspose", std::int64_t{9} * in_channels * filters + (bias ? filters : 0), work, names);
  }

  void follow(const std::string& name, const std::string& type, std::int64_t parameters, const std::string& more = "") {
    const std::string inputs = at_.name + more;
    at_.name = name;
    row(type, parameters, 0, inputs);
  }

  [[nodiscard]] const Point& at() const { return at_; }
  /// Of the rows that follow.
  void set_frozen(bool frozen) { frozen_ = frozen; }

 private:
  static std::int64_t pixels_of(const Point& p) { return std::int64_t{p.h} * p.w; }
  [[nodiscard]] std::int64_t pixels() const { return pixels_of(at_); }

  void row(const std::string& type, std::int64_t parameters, std::int64_t multiply_adds, const std::string& inputs) {
    summary_.layers.push_back({at_.name, type, at_.h, at_.w, at_.c, parameters, multiply_adds, inputs, frozen_});
    summary_.multiply_adds += multiply_adds;
  }

  ModelSummary& summary_;
  Point at_;
  bool frozen_ = false;
};

}  // namespace

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

ModelSummary summarise(UNet& unet, int h, int w) {
  ModelSummary summary;
  Walker walker(summary, h, w);
  summary.layers.push_back({"input", "Input", h, w, 3, 0, 0, "", false});
  std::vector<Walker::Point> taps;
  MobileNetV2& encoder = unet.encoder();
  walker.set_frozen(unet.frozen() || encoder.frozen());
  walker.conv_unit(encoder.stem());
  for (std::size_t i = 0; i < encoder.blocks().size(); ++i) {
    const MobileNetV2::Block& block = encoder.blocks()[i];
    const std::string input = walker.at().name;
    if (block.expand) walker.conv_unit(*block.expand);
    if (walker.at().name == kTapNames[taps.size()]) taps.push_back(walker.at());
    walker.conv_unit(*block.depthwise);
    walker.conv_unit(*block.project);
    if (block.residual) walker.follow(block_name(static_cast<int>(i)) + "_add", "Add", 0, ", " + input);
  }
  taps.push_back(walker.at());

  std::vector<Walker::Point> inputs{taps.back()};
  for (std::size_t k = 0; k < unet.upsamplers().size(); ++k) {
    const Upsampler& up = *unet.upsamplers()[k];
    walker.set_frozen(unet.frozen() || up.frozen());
    walker.upsample(up.name() + "/conv_transpose", up.in_channels(), up.filters(), false, inputs);
    walker.follow(up.name() + "/batch_norm", "BatchNormalization", std::int64_t{4} * up.filters());
    walker.follow(up.name() + "/relu", "ReLU", 0);
    inputs = {walker.at(), taps[taps.size() - 2 - k]};
  }
  walker.set_frozen(unet.frozen());
  int channels = 0;
  for (const Walker::Point& p : inputs) channels += p.c;
  walker.upsample("head", channels, unet.options().classes, true, inputs);

  for (const NamedParameter& p : unet.parameters()) {
    summary.parameters += p.parameter->value.size();
    if (!p.frozen && !p.parameter->is_buffer) summary.trainable += p.parameter->value.size();
  }
  return summary;
}

std::string summary_text(const ModelSummary& summary) {
  char line[256];
  std::string text;
  const std::string rule(124, '_');
  std::snprintf(line, sizeof line, "%-28s %-19s %-16s %11s %14s  %s\n", "Layer", "Type", "Output (h, w, c)",
                "Parameters", "Multiply-adds", "Connected to");
  text += rule + "\n" + line + rule + "\n";
  for (const LayerRow& r : summary.layers) {
    const std::string shape = std::to_string(r.h) + ", " + std::to_string(r.w) + ", " + std::to_string(r.c);
    std::snprintf(line, sizeof line, "%-28s %-19s %-16s %11s %14s  %s\n", r.name.c_str(), r.type.c_str(), shape.c_str(),
                  with_commas(r.parameters).c_str(), with_commas(r.multiply_adds).c_str(), r.inputs.c_str());
    text += line;
  }
  text += rule + "\nTotal parameters: " + with_commas(summary.parameters) +
          "\nTrainable parameters: " + with_commas(summary.trainable) +
          "\nNon-trainable parameters: " + with_commas(summary.parameters - summary.trainable) +
          "\nMultiply-adds, one image: " + with_commas(summary.multiply_adds) + "\n";
  return text;
}

}  // namespace karyon
