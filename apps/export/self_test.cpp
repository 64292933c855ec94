#include "apps/export/self_test.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "apps/export/bioimageio.h"
#include "apps/export/model_probe.h"
#include "apps/export/planar_network.h"
#include "apps/models/model_file.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "weights/safetensors_header.h"
#include "weights/sha256.h"

namespace karyon {

namespace {

namespace fs = std::filesystem;

constexpr double kProbabilityTolerance = 1e-3;
constexpr double kLogitTolerance = 1e-3;  // of the largest logit, where that is above 1
constexpr std::uint64_t kLargestDescription = std::uint64_t{1} << 20;
constexpr std::uint64_t kLargestFile = std::uint64_t{2} << 30;

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw Error(Exit::bad_data, path.string() + ": " + why);
}

SelfTest answer_probe(Context& context, const fs::path& path) {
  const Checkpoint model = load_checkpoint(path);
  if (model.probe.empty()) {
    refuse(
        path,
        "the model holds no answers to compare with; a file of --export-half and a folder of --export-bioimageio do");
  }
  const std::vector<float> answer =
      model_probe(context, *load_unet(context, model, path.string()), model.normalisation);
  const auto count = static_cast<std::int64_t>(answer.size());
  if (model.probe.size() != answer.size()) {
    refuse(path, "the probe has " + std::to_string(model.probe.size()) + " numbers, expected " + std::to_string(count));
  }
  double scale = 1;
  for (const float value : model.probe) scale = std::max(scale, std::fabs(static_cast<double>(value)));
  return {answer.size(), largest_difference({{count}, answer}, {{count}, model.probe}), kLogitTolerance * scale};
}

/// Verifies the file of every entry that has a source and a digest. They lie in the folder itself.
void verify_files(const nlohmann::json& node, const fs::path& folder) {
  if (node.is_object() && node.contains("source") && node.contains("sha256")) {
    const fs::path file = node.at("source").get<std::string>();
    if (file != file.filename()) refuse(folder, "the description names " + file.string() + ", no file of the folder");
    const std::string digest = sha256_hex(read_file(folder / file, kLargestFile));
    if (digest != node.at("sha256").get<std::string>()) {
      refuse(folder / file, "the file is damaged: its SHA-256 is " + digest + ", another one was stored");
    }
  }
  if (!node.is_structured()) return;
  for (const auto& child : node) verify_files(child, folder);
}

void verify_folder(const fs::path& folder) {
  const fs::path description = folder / kDescriptionFile;
  const std::vector<std::uint8_t> bytes = read_file(description, kLargestDescription);
  try {
    verify_files(nlohmann::json::parse(bytes), folder);
  } catch (const nlohmann::json::exception& error) {
    refuse(description, "not a description that Karyon wrote: " + std::string(error.what()));
  }
}

SelfTest answer_test_tensors(Context& context, const fs::path& folder) {
  verify_folder(folder);
  const fs::path model_path = folder / kModelFile;
  const NpyArray image = read_npy(folder / kTestInputFile), stored = read_npy(folder / kTestOutputFile);
  if (image.shape.size() != 4 || image.values.empty() || image.shape[1] != 3 || image.shape[2] % kSizeMultiple != 0 ||
      image.shape[3] % kSizeMultiple != 0) {
    refuse(folder / kTestInputFile, "the array is " + shape_text(image.shape) +
                                        ", expected [N, 3, H, W] with sides "
                                        "that are multiples of 32");
  }
  const Checkpoint model = load_checkpoint(model_path);
  const std::unique_ptr<UNet> unet = load_unet(context, model, model_path.string());
  const NpyArray answer = planar_softmax(planar_logits(context, *unet, model.normalisation, image));
  if (answer.shape != stored.shape) {
    refuse(folder / kTestOutputFile,
           "the array is " + shape_text(stored.shape) + ", expected " + shape_text(answer.shape));
  }
  return {answer.values.size(), largest_difference(answer, stored), kProbabilityTolerance};
}

}  // namespace

SelfTest run_self_test(Context& context, const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? answer_test_tensors(context, path) : answer_probe(context, path);
}

}  // namespace karyon
