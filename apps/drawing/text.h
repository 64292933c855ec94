// Text from outside (names of files, of layers) made fit to be drawn.
// Invariant: what comes out is well-formed UTF-8 without control characters, whatever went in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace karyon {

/// Each byte that is no part of well-formed UTF-8 (RFC 3629) and each character that XML 1.0 has no place for, control
/// characters among them, becomes U+FFFD.
std::string clean_text(std::string_view text);

/// Clean text for XML content or a quoted attribute: & < > " ' as entities.
std::string escape_xml(std::string_view text);

/// The characters of clean text, one string each.
std::vector<std::string> characters_of(std::string_view text);

}  // namespace karyon
