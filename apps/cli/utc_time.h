// The time as files of results tell it.
// Invariant: UTC, whatever the machine's time zone and locale.
#pragma once

#include <string>

namespace karyon {

/// Now, as ISO 8601: "2024-05-31T08:15:00Z".
std::string utc_now();

}  // namespace karyon
