// The true nuclei of a picture, from the files that the data set has for it.
// Invariant: the numbers say what the files say and nothing else: of many files each is one nucleus; a single file of 8
// bits or fewer holds them all, apart where not even their corners touch; a single file of 16 or 32 bits is a label
// image, whose numbers are the nuclei.
#pragma once

#include <string>
#include <vector>

#include "apps/data/dataset.h"
#include "apps/data/source.h"

namespace karyon {

/// Fills example.nuclei, overlapping_pixels and warnings; example.image is there already and `image_name` what messages
/// call it. Of a mask, pixels count from 128 on (of colour its luma). Error bad_data naming the file, or the image and
/// the mask when their sizes differ; io when a file cannot be read.
void load_truth(const Source& source, const std::vector<std::string>& masks, const std::string& image_name,
                const PictureLimits& limits, Example& example);

}  // namespace karyon
