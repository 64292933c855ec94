// A data set as training wants it: every picture at one size, resident, bytes alone. That size is had by resizing, or
// by cutting a square out at the picture's own scale (crops.h), which each epoch does anew. Invariant: images and
// labels are dense arrays in the order of ids, which is sorted; the same files give the same bytes whatever the number
// of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/data/workers.h"
#include "apps/images/picture.h"

namespace karyon {

/// A picture at its own size.
struct Original {
  Picture image;                     // RGB
  std::vector<std::uint8_t> labels;  // height * width
};

/// What one example becomes.
struct ExampleForm {
  int height = 0, width = 0;
  int classes = 2;    // class_labels.h
  bool crop = false;  // a square of the picture instead of all of it resized; the originals are kept
};

struct TrainingSet {
  int height = 0, width = 0;
  std::vector<std::uint8_t> images;  // [size, height, width, 3]
  std::vector<std::uint8_t> labels;  // [size, height, width]: classes, 0 background
  std::vector<std::string> ids;
  std::vector<std::string> sha256;    // of each image file's bytes (of the pixels, for synthetic ones)
  std::vector<std::string> warnings;  // in the order of the examples
  std::vector<std::string> faults;    // of examples that were left out: what is wrong with which file
  std::size_t background_images = 0;  // without a single nucleus pixel
  std::vector<Original> originals;    // of the examples, where crops are cut; else empty

  [[nodiscard]] std::size_t size() const { return ids.size(); }
};

/// An empty set with room for `count` examples of this size.
TrainingSet make_training_set(std::size_t count, int height, int width);

/// Images resized bilinearly and rounded, nuclei to the nearest (kernels/resize.h); with form.crop the picture's middle
/// until crops are drawn. Each picture is decoded, resized and dropped before the next, unless its original is kept.
/// Errors as Dataset's; when examples are broken all are decoded first, and one Error names them all, with the code of
/// the first. leave_out: broken ones and those without masks are left out instead, and told by `faults`; Error bad_data
/// when no good one is left.
TrainingSet load_training_set(const std::filesystem::path& path, const ExampleForm& form, int threads,
                              const Progress& progress = {}, bool leave_out = false);

/// Fills background_images, and adds a warning for every example whose image is byte for byte an earlier one's.
void take_stock(TrainingSet& set);

}  // namespace karyon
