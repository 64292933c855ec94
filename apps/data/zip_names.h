// The one thing about a zip that libzip does not tell: whether a name in its directory holds a NUL byte (it shows a
// space instead), by which two programs can be made to see two different names.
// Invariant: no length in the file is believed before it was checked against the file's size.
#pragma once

#include <filesystem>

namespace karyon {

/// Error bad_data when the central directory is not where the archive's end says.
bool zip_has_nul_in_a_name(const std::filesystem::path& path);

}  // namespace karyon
