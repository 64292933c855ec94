// One tensor of an ONNX file, checked and turned into plain bytes.
// Invariant: its size is computed without overflow and compared with the bytes at hand before anything is copied.
#pragma once

#include <string>

#include "weights/loaded_archive.h"

namespace karyon::onnx {
class TensorProto;
}

namespace karyon {

/// Floating point or int64, inside the file, named `name`. Error bad_data that opens with "`source`: ".
LoadedTensor read_onnx_tensor(const onnx::TensorProto& proto, const std::string& name, const std::string& source);

}  // namespace karyon
