// Text fields in CSV (RFC 4180).
// Invariant: what is quoted reads back as it was, whatever it holds.
#pragma once

#include <string>
#include <string_view>

namespace karyon {

/// The field as it stands in a row: quoted, with quotes doubled, where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

}  // namespace karyon
