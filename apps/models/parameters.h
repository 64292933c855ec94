// A module's parameters as named arrays, and back.
// Invariant: names are the parameters' paths behind a prefix; loading changes either every parameter or none.
#pragma once

#include <string>
#include <vector>

#include "layers/module.h"
#include "weights/named_array.h"

namespace karyon {

/// Every parameter and buffer, in order of construction.
std::vector<NamedArray> to_arrays(Module& module);

/// Copies arrays named prefix + path into the module. Arrays with another prefix, and those whose names start with an
/// entry of `unused`, are passed over. Error bad_data listing every missing, extra and wrongly shaped tensor; `source`
/// names the file.
void assign_arrays(Module& module, const std::string& prefix, const std::vector<NamedArray>& arrays,
                   const std::vector<std::string>& unused, const std::string& source);

}  // namespace karyon
