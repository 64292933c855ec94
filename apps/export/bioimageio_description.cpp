// The texts of a bioimage.io folder: rdf.yaml and documentation.md.
// Invariant: nothing is said of a model that its checkpoint does not hold.
#include <cstdio>

#include "apps/cli/utc_time.h"
#include "apps/export/bioimageio.h"
#include "apps/export/onnx_model.h"
#include "apps/models/class_names.h"

namespace karyon {

namespace {

using Json = nlohmann::ordered_json;

Json citations() {
  return {
      {{"text", "Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015"},
       {"doi", "10.1007/978-3-319-24574-4_28"}},
      {{"text", "Sandler et al.: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018"},
       {"doi", "10.1109/CVPR.2018.00474"}}};
}

Json input_side(const char* id) {
  return {{"type", "space"}, {"id", id}, {"size", {{"min", kSizeMultiple}, {"step", kSizeMultiple}}}};
}

Json output_side(const char* id) {
  return {{"type", "space"}, {"id", id}, {"size", {{"tensor_id", kOnnxInput}, {"axis_id", id}}}};
}

Json channels(const std::vector<std::string>& names) { return {{"type", "channel"}, {"channel_names", names}}; }

Json batch() { return {{"type", "batch"}}; }

}  // namespace

Json bioimageio_description(const Checkpoint& model, const std::map<std::string, std::string>& digests) {
  const auto file = [&digests](const char* name) { return Json{{"source", name}, {"sha256", digests.at(name)}}; };
  Json weights = file(kOnnxFile);
  weights["opset_version"] = kOnnxOpset;
  const Json input{
      {"id", kOnnxInput},
      {"description", "Red, green and blue as in the picture, not normalised; a grey picture three times"},
      {"axes", Json::array({batch(), channels({"red", "green", "blue"}), input_side("y"), input_side("x")})},
      {"data", {{"type", "float32"}, {"range", {0, 255}}}},
      {"test_tensor", file(kTestInputFile)}};
  const Json output{
      {"id", "probabilities"},
      {"description", "The probability of each class at each pixel"},
      {"axes", Json::array({batch(), channels(class_names(model.classes)), output_side("y"), output_side("x")})},
      {"data", {{"type", "float32"}, {"range", {0, 1}}}},
      {"postprocessing", Json::array({{{"id", "softmax"}, {"kwargs", {{"axis", "channel"}}}}})},
      {"test_tensor", file(kTestOutputFile)}};
  return {{"format_version", "0.5.7"},
          {"type", "model"},
          {"name", "Karyon nuclei U-Net"},
          {"description", "Finds cell nuclei in microscope pictures: a U-Net with a MobileNetV2 encoder"},
          {"authors", Json::array({{{"name", "The users of Karyon"}}})},
          {"cite", citations()},
          {"license", "Apache-2.0"},
          {"documentation", kDocumentationFile},
          {"covers", {kCoverFile}},
          {"tags", {"nuclei", "nucleus", "segmentation", "semantic-segmentation", "unet", "2d", "karyon"}},
          {"timestamp", utc_now()},
          {"version", KARYON_VERSION},
          {"attachments", Json::array({file(kModelFile), file(kCoverFile), file(kDocumentationFile)})},
          {"inputs", Json::array({input})},
          {"outputs", Json::array({output})},
          {"weights", {{"onnx", weights}}}};
}

std::string bioimageio_documentation(const Checkpoint& model) {
  char text[256];
  std::string s =
      "# Karyon nuclei U-Net\n\nFinds cell nuclei in microscope pictures. A U-Net with a MobileNetV2 encoder, trained "
      "by "
      "Karyon; the ONNX file takes red, green and blue from 0 to 255 and holds the normalisation itself.\n\n"
      "## Use\n\nSides are multiples of 32. The model was trained on pictures of ";
  std::snprintf(
      text, sizeof text,
      "%d x %d pixels and works best at the scale of those. A pixel belongs to a nucleus where the probability "
      "of background is at most %.3g.\n\nClasses:",
      model.image_height, model.image_width, 1 - model.threshold);
  s += text;
  for (const std::string& name : class_names(model.classes)) s += " " + name;
  s += ".\n\n## Validation\n\nScores on validation pictures during training, epoch " + std::to_string(model.epoch) +
       ":\n\n";
  for (const auto& [name, score] : model.scores) {
    std::snprintf(text, sizeof text, "- %s: %.4f\n", name.c_str(), score);
    s += text;
  }
  if (model.scores.empty()) s += "None were stored.\n";
  return s +
         "\n## Before publishing\n\nName yourself in `authors`, the data in this file, and the licence that they "
         "allow. "
         "`infer_unet --self-test FOLDER` verifies the files other than rdf.yaml and repeats the test tensors.\n";
}

}  // namespace karyon
