// Invariant: a tensor's name is settled before the tensor is read, and no tensor is read twice.
// Source of the layouts: Keras, keras/src/legacy/saving/legacy_h5_format.py and keras/src/saving/saving_lib.py.
#include "weights/keras_hdf5.h"

#include <algorithm>
#include <map>
#include <set>

#include "kernels/check.h"
#include "weights/hdf5.h"
#include "weights/keras_layers.h"
#include "weights/loaded_archive.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

/// One layer of the file: its variables and where their values lie.
struct Layer {
  std::string name;
  std::vector<std::pair<std::string, std::string>> variables;  // name, path of the data set
};

struct Layers {
  std::vector<Layer> list;
  std::string naming;  // metadata's "layer_names"
};

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

[[noreturn]] void refuse_all(const std::string& message, const std::vector<std::string>& differences) {
  std::string text = message;
  for (const std::string& difference : differences) text += "\n  " + difference;
  throw Error(Exit::bad_data, text);
}

/// A list that Keras writes as one attribute, or, when that would exceed 64 KB, as NAME0, NAME1 and so on.
std::optional<std::vector<std::string>> split_list(const Hdf5File& file, const std::string& group,
                                                   const std::string& name) {
  if (auto whole = file.strings(group, name)) return whole;
  std::optional<std::vector<std::string>> list;
  for (std::size_t part = 0;; ++part) {
    const auto more = file.strings(group, name + std::to_string(part));
    if (!more) return list;
    if (!list) list.emplace();
    list->insert(list->end(), more->begin(), more->end());
  }
}

/// "bn_Conv1/gamma:0" is variable gamma in folder bn_Conv1. ":0" is TensorFlow's mark of an operation's first output.
struct WeightName {
  std::string layer;  // the last folder; empty when there is none
  std::string variable;

  explicit WeightName(const std::string& name) {
    const std::string plain = name.ends_with(":0") ? name.substr(0, name.size() - 2) : name;
    const std::size_t slash = plain.find_last_of('/');
    variable = plain.substr(slash + 1);  // npos + 1 is 0
    if (slash == std::string::npos) return;
    const std::string folder = plain.substr(0, slash);
    layer = folder.substr(folder.find_last_of('/') + 1);
  }
};

/// The layers within one group of layer_names: one of the group's own name, or several where the group is a model
/// within the model; those go by the folders of its weight_names.
std::vector<Layer> layers_of_group(const std::string& group, const std::string& layer,
                                   const std::vector<std::string>& weights) {
  std::vector<Layer> layers;
  for (const std::string& weight : weights) {
    const WeightName name(weight);
    auto found = std::ranges::find(layers, name.layer, &Layer::name);
    if (found == layers.end()) found = layers.insert(found, {name.layer, {}});
    found->variables.emplace_back(name.variable, join(group, weight));
  }
  if (layers.size() == 1) layers.front().name = layer;
  return layers;
}

/// The layout by names: `root` has layer_names, each a group with weight_names, each the path of a data set.
Layers named_layers(const Hdf5File& file, const std::string& source, const std::string& root,
                    const std::vector<std::string>& names) {
  Layers layers{{}, "today"};
  for (const std::string& name : names) {
    const std::string group = join(root, name);
    if (!file.groups().contains(group)) {
      throw Error(Exit::bad_data, source + ": layer_names has " + printable(name) + ", but there is no such group");
    }
    const auto weights = split_list(file, group, "weight_names");
    if (!weights) continue;
    for (Layer& layer : layers_of_group(group, name, *weights)) {
      const std::string today = todays_layer_name(layer.name);
      if (today != layer.name) layers.naming = "published";
      layer.name = today;
      layers.list.push_back(std::move(layer));
    }
  }
  std::vector<std::string> order;
  for (const Layer& layer : layers.list) order.push_back(layer.name);
  const std::vector<std::string> differences = order_differences(order);
  if (!differences.empty()) {
    refuse_all(source + ": layer_names is not in MobileNetV2's order; names or order are wrong:", differences);
  }
  return layers;
}

/// What Keras 3 calls variable number `index` of a layer of this class; the number itself for a class unknown here.
std::string variable_name(const std::string& class_name, const std::string& index) {
  static const std::map<std::string, std::vector<std::string>> kVariables{
      {"conv2d", {"kernel", "bias"}},
      {"depthwise_conv2d", {"depthwise_kernel", "bias"}},
      {"dense", {"kernel", "bias"}},
      {"batch_normalization", {"gamma", "beta", "moving_mean", "moving_variance"}}};
  const auto found = kVariables.find(class_name);
  if (found == kVariables.end() || index.size() != 1) return index;
  const auto place = static_cast<std::size_t>(index[0] - '0');
  return place < found->second.size() ? found->second[place] : index;
}

/// The layer's name: by counter, or the one that recent versions of Keras write next to the variables. A difference
/// between the two that touches MobileNetV2's layers goes into `differences`.
std::string settle_name(const std::string& group, const std::string& stem, const std::optional<std::string>& written,
                        std::vector<std::string>& differences) {
  const std::optional<std::string> counted = counted_layer_name(stem);
  if (!written) return counted.value_or(group);
  const bool is_contradiction =
      counted != written && (network_place(*written) || (counted && is_encoder_layer(*counted)));
  if (is_contradiction) {
    differences.push_back("group " + printable(group) + " is named " + printable(*written) + ", expected " +
                          (counted ? printable(*counted) : "a layer of another network"));
  }
  return *written;
}

/// The layout by class and counter: layers/CLASS_K/vars/I, with a folder more, FUNCTIONAL/layers, where the network is
/// a model within the model. HDF5 lists the groups by letters (conv2d_10 before conv2d_2), so the network's order is
/// made here.
Layers counted_layers(const Hdf5File& file, const std::string& source) {
  const std::string root = "layers/";
  const std::string vars = "/vars/";
  std::map<std::string, Layer> by_group;  // by the path between the two
  const auto stem_of = [](const std::string& group) { return group.substr(group.find_last_of('/') + 1); };
  for (const auto& [path, dataset] : file.datasets()) {
    const std::size_t end = path.rfind(vars);
    if (!path.starts_with(root) || end == std::string::npos || end < root.size()) continue;
    const std::string group = path.substr(root.size(), end - root.size());
    const auto parts = class_and_counter(stem_of(group));
    const std::string class_name = parts ? parts->first : group;
    by_group[group].variables.emplace_back(variable_name(class_name, path.substr(end + vars.size())), path);
  }
  Layers layers{{}, "counted"};
  std::vector<std::string> differences;
  for (auto& [group, layer] : by_group) {
    const auto written = file.strings(root + group + "/vars", "name");
    std::optional<std::string> name;
    if (written && written->size() == 1) {
      name = todays_layer_name(written->front());
      if (layers.naming != "published") layers.naming = *name == written->front() ? "today" : "published";
    }
    layer.name = settle_name(group, stem_of(group), name, differences);
    layers.list.push_back(std::move(layer));
  }
  if (!differences.empty()) {
    refuse_all(source + ": the layers' names contradict their classes and counters:", differences);
  }
  std::ranges::stable_sort(layers.list, {},
                           [](const Layer& layer) { return network_place(layer.name).value_or(SIZE_MAX); });
  return layers;
}

Layers find_layers(const Hdf5File& file, const std::string& source) {
  for (const std::string root : {"", "model_weights"}) {  // "model_weights" in a whole saved model
    if (!file.groups().contains(root)) continue;
    if (const auto names = split_list(file, root, "layer_names")) return named_layers(file, source, root, *names);
  }
  if (file.groups().contains("layers")) return counted_layers(file, source);
  throw Error(Exit::bad_data, source +
                                  ": HDF5, but not Keras's: neither an attribute 'layer_names' nor a group "
                                  "'layers'");
}

}  // namespace

std::unique_ptr<Archive> read_keras_hdf5(std::span<const std::uint8_t> bytes, const std::string& source,
                                         const std::string& container) {
  const Hdf5File file(bytes, source);
  const Layers layers = find_layers(file, source);
  std::vector<LoadedTensor> tensors;
  std::set<std::string> taken;
  for (const Layer& layer : layers.list) {
    for (const auto& [variable, path] : layer.variables) {
      if (!taken.insert(path).second) {
        throw Error(Exit::bad_data, source + ": data set " + printable("/" + path) + " is named twice");
      }
      std::vector<std::uint8_t> values = file.read(path);
      const Hdf5Dataset& dataset = file.datasets().at(path);
      tensors.push_back({{layer.name + "/" + variable, *dataset.type, dataset.shape}, std::move(values)});
    }
  }
  return std::make_unique<LoadedArchive>(container, source, std::move(tensors),
                                         std::map<std::string, std::string>{{"layer_names", layers.naming}});
}

}  // namespace karyon
