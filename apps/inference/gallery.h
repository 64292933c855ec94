// gallery.html: all pictures with their nuclei on one page.
// Invariant: one file, no network, no script; names are escaped; a picture takes as much as its thumbnail.
#pragma once

#include <cstddef>
#include <string>

#include "apps/images/intensity.h"
#include "apps/nuclei/label_image.h"

namespace karyon {

/// One picture: outlined, at most 320 pixels a side, with its name, size and number of nuclei.
std::string gallery_card(const std::string& id, const EightBits& picture, const LabelImage& nuclei);

/// cards: gallery_card's, one behind the other.
std::string gallery_page(const std::string& cards, std::size_t images, std::size_t nuclei);

}  // namespace karyon
