// A model as a folder that the tools of bioimage.io read (deepImageJ, ilastik, bioimageio.core), format 0.5:
// https://github.com/bioimage-io/spec-bioimage-io. Zip its content to upload it.
// Invariant: the description holds the SHA-256 of every other file; it is written last, so that a folder with it is
// whole. It is JSON, which YAML 1.2 contains.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "model/unet.h"
#include "weights/checkpoint.h"
#include "weights/npy_file.h"

namespace karyon {

constexpr const char* kDescriptionFile = "rdf.yaml";
constexpr const char* kOnnxFile = "model.onnx";
constexpr const char* kModelFile = "model.safetensors";  // a copy of the checkpoint
constexpr const char* kTestInputFile = "test_input.npy";
constexpr const char* kTestOutputFile = "test_output.npy";  // probabilities, [1, classes, H, W]
constexpr const char* kCoverFile = "cover.png";
constexpr const char* kDocumentationFile = "documentation.md";

/// Writes the seven files into the folder, which exists. `checkpoint_bytes` are the file that `unet` and `description`
/// (whose tensors are not needed) came from. The test picture is a made-up one, of the model's size. Errors of
/// write_file.
void write_bioimageio(Context& context, const UNet& unet, const Checkpoint& description,
                      std::span<const std::uint8_t> checkpoint_bytes, const std::filesystem::path& folder);

/// What goes into rdf.yaml; digests by file name.
nlohmann::ordered_json bioimageio_description(const Checkpoint& model,
                                              const std::map<std::string, std::string>& digests);
/// What goes into documentation.md.
std::string bioimageio_documentation(const Checkpoint& model);

}  // namespace karyon
