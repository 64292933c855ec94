// A picture inside an HTML page.
// Invariant: the page needs nothing but itself to show it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace karyon {

/// An <img> that holds a PNG's bytes; description: plain text.
std::string image_tag(std::span<const std::uint8_t> png, const std::string& description);

}  // namespace karyon
