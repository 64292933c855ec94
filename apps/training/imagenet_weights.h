// The encoder's ImageNet weights that weights/fetch brings into the user's cache.
// Invariant: a file of that name is used only when its SHA-256 is the pinned one of weights/manifest.txt.
#pragma once

#include <filesystem>

#include "apps/cli/log.h"

namespace karyon {

/// The file in $XDG_CACHE_HOME/karyon or ~/.cache/karyon. Where it is not there and `fetch` allows it, weights/fetch is
/// run, which stands beside the build folder. Error no_input when it is not there or cannot be fetched, saying what to
/// do; bad_data when it is another file than was pinned.
std::filesystem::path imagenet_weights(bool fetch, Log& log);

}  // namespace karyon
