// Invariant: the lists are built once, from mobilenet_v2_convs alone.
#include "weights/keras_layers.h"

#include <algorithm>
#include <map>

#include "weights/encoder_layout.h"
#include "weights/numbers.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

const char* part_of(ConvRole role) {
  switch (role) {
    case ConvRole::expand:
      return "expand";
    case ConvRole::depthwise:
      return "depthwise";
    default:
      return "project";
  }
}

struct Names {
  std::map<std::string, std::string> todays;                 // by published name, where the two differ
  std::vector<std::string> in_order;                         // today's, of the whole network
  std::size_t encoder_layers = 0;                            // how many of them are the encoder's
  std::map<std::string, std::vector<std::string>> of_class;  // today's, by Keras 3's class name
};

Names list_names() {
  Names names;
  const auto add = [&](const std::string& class_name, const std::string& layer) {
    names.in_order.push_back(layer);
    names.of_class[class_name].push_back(layer);
  };
  for (const EncoderConv& conv : mobilenet_v2_convs(1.0)) {  // the width does not change a name
    add(conv.role == ConvRole::depthwise ? "depthwise_conv2d" : "conv2d", conv.name);
    add("batch_normalization", conv.batch_norm);
    if (conv.role == ConvRole::stem) continue;
    const std::string block = std::to_string(conv.block);
    const std::string part = part_of(conv.role);
    std::string published = "mobl";  // "mobl3_conv_3_expand", "bn3_conv_3_bn_expand"
    names.todays[published.append(block).append("_conv_").append(block).append("_").append(part)] = conv.name;
    published = "bn";
    names.todays[published.append(block).append("_conv_").append(block).append("_bn_").append(part)] = conv.batch_norm;
  }
  names.encoder_layers = names.in_order.size();
  add("conv2d", "Conv_1");
  add("batch_normalization", "Conv_1_bn");
  add("dense", "predictions");
  names.todays["Logits"] = "predictions";
  return names;
}

const Names& known_names() {
  static const Names kNames = list_names();
  return kNames;
}

}  // namespace

std::string todays_layer_name(const std::string& name) {
  const auto found = known_names().todays.find(name);
  return found == known_names().todays.end() ? name : found->second;
}

std::optional<std::size_t> network_place(const std::string& layer) {
  const auto& names = known_names().in_order;
  const auto found = std::ranges::find(names, layer);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

bool is_encoder_layer(const std::string& layer) {
  return network_place(layer).value_or(known_names().encoder_layers) < known_names().encoder_layers;
}

std::optional<std::pair<std::string, std::size_t>> class_and_counter(const std::string& group) {
  const std::size_t digits = group.find_last_not_of("0123456789") + 1;
  if (digits == group.size() || digits == 0 || group[digits - 1] != '_') return std::pair(group, std::size_t{0});
  const auto number = parse_number<std::size_t>(std::string_view(group).substr(digits));
  if (group[digits] == '0' || !number) return std::nullopt;
  return std::pair(group.substr(0, digits - 1), *number);
}

std::optional<std::string> counted_layer_name(const std::string& group) {
  const auto parts = class_and_counter(group);
  if (!parts) return std::nullopt;
  const auto found = known_names().of_class.find(parts->first);
  if (found == known_names().of_class.end() || parts->second >= found->second.size()) return std::nullopt;
  return found->second[parts->second];
}

std::vector<std::string> order_differences(const std::vector<std::string>& layers) {
  std::vector<std::size_t> places;
  for (const std::string& layer : layers) {
    if (const auto place = network_place(layer)) places.push_back(*place);
  }
  std::vector<std::size_t> sorted = places;
  std::ranges::sort(sorted);
  std::vector<std::string> differences;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] == sorted[i]) continue;
    const auto& names = known_names().in_order;
    differences.push_back("layer " + std::to_string(i + 1) + " is " + printable(names[places[i]]) + ", expected " +
                          printable(names[sorted[i]]));
  }
  return differences;
}

}  // namespace karyon
