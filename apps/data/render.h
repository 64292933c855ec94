// A scene seen through a microscope: three looks of the same shapes.
// Invariant: light never moves an outline; blur and noise come on top of shapes that are the masks'.
#pragma once

#include "apps/data/scene.h"
#include "apps/images/picture.h"
#include "engine/random.h"

namespace karyon {

/// RGB pictures of the scene's size.
Picture render_fluorescence(const Scene& scene, RandomStream& random);
Picture render_tissue(const Scene& scene, RandomStream& random);
Picture render_bright_field(const Scene& scene, RandomStream& random);

}  // namespace karyon
