// The files about one picture.
// Invariant: each is written whole under the picture's id, row by row where it is a picture, so that nothing beside the
// labels is held at full size; all of them show the same nuclei, and a mask is just where a nucleus is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/cli/output_folder.h"
#include "apps/images/intensity.h"
#include "apps/inference/predictor.h"
#include "apps/nuclei/label_image.h"

namespace karyon {

struct OutputChoice {
  bool masks = true, labels = true, overlays = true, table = true;
  bool probabilities = false, geojson = false, gallery = false;
  std::string kaggle_csv;  // a file; empty: none
  double pixel_size = 0;   // micrometres a pixel; 0: not known
};

class Outputs {
 public:
  /// Makes the folders. Error cannot_create.
  Outputs(OutputFolder& folder, const OutputChoice& choice);

  /// prob/<id>.png: 0 to 255.
  void write_probabilities(const std::string& id, const ProbabilityMaps& maps) const;
  /// masks/, labels/ (16-bit PNG, or 32-bit TIFF where there are more nuclei than 65535), overlays/, geojson/.
  void write_nuclei(const std::string& id, const EightBits& picture, const LabelImage& nuclei) const;
  /// Whether any of these is asked for.
  [[nodiscard]] const OutputChoice& choice() const { return choice_; }

 private:
  [[nodiscard]] static std::filesystem::path file(const std::filesystem::path& folder, const std::string& id,
                                                  const char* extension);

  OutputChoice choice_;
  std::filesystem::path masks_, labels_, overlays_, probabilities_, geojson_;
};

}  // namespace karyon
