// Made-up microscope pictures of nuclei with their exact instance masks, for training and trying out without data.
// Invariant: a picture is a function of (seed, index, size) alone, whoever makes it and in whatever order; its masks
// are the very shapes it was drawn from, each nucleus at least 12 pixels, none overlapping.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "apps/data/training_set.h"
#include "apps/data/workers.h"
#include "apps/images/picture.h"

namespace karyon {

enum class Look : std::uint8_t {
  fluorescence,  // bright blurred nuclei on black
  tissue,        // a stained section: purple nuclei in pink (haematoxylin and eosin)
  bright_field,  // dark-rimmed cells with a halo on light ground
};

struct SyntheticPicture {
  Look look = Look::fluorescence;
  Picture image;                         // RGB
  std::vector<std::uint16_t> instances;  // height * width: 0 background, 1 .. count the nuclei
  int count = 0;                         // now and then 0
};

/// Sizes of shapes follow min(height, width): a larger picture shows the same scene finer.
SyntheticPicture make_synthetic_picture(std::uint64_t seed, std::uint32_t index, int height, int width);

/// Pictures 0 .. count-1 in the resident form, with ids synthetic_000000 and so on; classes: class_labels.h.
TrainingSet make_synthetic_set(std::uint64_t seed, std::uint32_t count, int height, int width, int threads,
                               const Progress& progress = {}, int classes = 2);

/// Writes pictures first .. first+count-1 in the Kaggle layout: <id>/images/<id>.png (RGBA, as Kaggle's) and
/// <id>/masks/<id>_<k>.png, one nucleus a file; the masks folder stands even when it is empty. Error cannot_create or
/// io.
void write_synthetic_set(const std::filesystem::path& folder, std::uint64_t seed, std::uint32_t first,
                         std::uint32_t count, int height, int width, int threads, const Progress& progress = {});

}  // namespace karyon
