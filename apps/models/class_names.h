// What the classes of a model are called.
// Invariant: one name a class, in the order of the logits, all different.
#pragma once

#include <string>
#include <vector>

namespace karyon {

/// Of two classes background and nucleus; of three background, interior and border; of more class_1, class_2, ...
/// behind the background.
std::vector<std::string> class_names(int classes);

}  // namespace karyon
