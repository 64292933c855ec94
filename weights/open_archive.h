// Opens a weight file of any container by its first bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weights/archive.h"

namespace karyon {

/// `source` names the file in messages. Error bad_data when it is of no container known here, or is broken.
std::unique_ptr<Archive> open_archive(std::vector<std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
