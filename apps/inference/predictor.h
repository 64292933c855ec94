// From pictures to what the network says of each of their pixels.
// Invariant: a picture reaches the network as training pictures did: whole and resized by resize_picture where the
// model was trained so, else at its own scale in windows (tiles.h). What comes back is at the picture's own size. Of a
// large picture only a strip of windows exists in float at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "apps/images/intensity.h"
#include "apps/nuclei/split.h"
#include "model/activation_ranges.h"
#include "model/quantised_unet.h"
#include "weights/checkpoint.h"

namespace karyon {

/// Probabilities, 0 to 255, height * width each.
struct ProbabilityMaps {
  int width = 0, height = 0;
  std::vector<std::uint8_t> nucleus;   // of any class but background
  std::vector<std::uint8_t> interior;  // of a nucleus's inside; empty for a model of two classes
};

/// How nuclei are told apart, as the model was tuned for.
SplitSettings split_settings(const Checkpoint& model);

struct PredictSettings {
  double scale = 0;     // pixels of the network's picture to one of the file's; 0: as the model was trained
  int tile = 768;       // side of a window, a multiple of 32
  int overlap = 256;    // of neighbouring windows, a multiple of 32
  int batch_size = 16;  // pictures of 128 x 128, or as many pixels, computed together
  bool flips = false;   // the mean over the picture and its three mirror images
};

class Predictor {
 public:
  /// `source` names the checkpoint in messages. Errors of load_unet.
  Predictor(Context& context, Checkpoint checkpoint, const std::string& source, ElementType type);

  /// Called with the number of windows just done.
  using Progress = std::function<void(std::size_t windows)>;
  [[nodiscard]] std::vector<ProbabilityMaps> predict(std::span<const EightBits* const> pictures,
                                                     const PredictSettings& settings, const Progress& progress = {});
  /// Of what the network computes in float from now on; empty: nobody is told.
  void observe(Observer observer) { observer_ = std::move(observer); }
  /// From now on predict() computes in int8, on the CPU. Errors of QuantisedUNet.
  void quantise(const ActivationRanges& ranges);
  /// Windows that a picture of this size takes.
  [[nodiscard]] std::size_t windows(int width, int height, const PredictSettings& settings) const;
  /// Gives back the memory that is kept for the next windows.
  void trim() { context_.memory().trim(); }
  /// Without its tensors.
  [[nodiscard]] const Checkpoint& description() const { return description_; }

 private:
  class Job;
  struct Window {
    Job* job;
    std::size_t row, column;
  };
  void compute(std::span<const Window> windows, const PredictSettings& settings);
  std::vector<float> probabilities(std::span<const std::uint8_t> pixels, int n, int height, int width,
                                   std::uint8_t flip);
  Tensor float_logits(std::span<const std::uint8_t> pixels, int n, int height, int width, std::uint8_t flip);
  Tensor int8_logits(std::span<const std::uint8_t> pixels, int n, int height, int width, std::uint8_t flip);

  Context& context_;
  ElementType type_;        // of activations
  Checkpoint description_;  // without its tensors
  std::unique_ptr<UNet> unet_;
  std::unique_ptr<QuantisedUNet> quantised_;  // where int8 was asked for
  Observer observer_;
};

}  // namespace karyon
