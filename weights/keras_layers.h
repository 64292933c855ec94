// The names of MobileNetV2's layers as Keras gives them, today's and those of the files it published first, and the
// order in which the network has them.
// Invariant: the names follow from encoder_layout.h; behind the encoder come Conv_1, Conv_1_bn and predictions.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace karyon {

/// Today's name of the layer that the published files call "mobl3_conv_3_expand" and the like; any other name as it is.
std::string todays_layer_name(const std::string& name);

/// The layer's place in the network, from 0; none for a layer that is not MobileNetV2's.
std::optional<std::size_t> network_place(const std::string& layer);

/// Whether the encoder itself has the layer: not Conv_1, Conv_1_bn or predictions, which it does without.
bool is_encoder_layer(const std::string& layer);

/// The name of the layer that Keras 3 stores as "conv2d_2" and the like: class and counter in the network's order.
/// None for a class or counter that MobileNetV2 does not have.
std::optional<std::string> counted_layer_name(const std::string& group);

/// "conv2d_12" is {"conv2d", 12} and "conv2d" is {"conv2d", 0}. None for another form of the number ("_0", "_01").
std::optional<std::pair<std::string, std::size_t>> class_and_counter(const std::string& group);

/// What is out of the network's order among `layers`, one line a place; layers of other networks are passed over.
std::vector<std::string> order_differences(const std::vector<std::string>& layers);

}  // namespace karyon
