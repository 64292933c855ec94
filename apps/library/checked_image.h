// From a user's pixels to the picture that the inference works on.
// Invariant: nothing is read from the pixels before every field of the view was found to be within its range.
#pragma once

#include <karyon/karyon.h>

#include "apps/images/raw_picture.h"

namespace karyon {

/// A copy without gaps between rows. Error usage that names the field and what was expected.
RawPicture checked_image(const ImageView& image);

}  // namespace karyon
