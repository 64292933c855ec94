// The vendor's libraries, cuDNN and cuBLASLt, loaded when first needed.
// Invariant: no binary of Karyon needs them to start; each is looked for once a process, by the loader's own path, and
// used only if its major version is the headers'. Where one is missing Karyon's own kernels do its work, so asking
// never throws. Safe to call from several threads.
#pragma once

#include <string>

namespace karyon::cuda {

struct LibraryFacts {
  bool found = false;
  std::string version;  // "9.19.0"; empty if not found
  std::string fault;    // why it is not used, in one short line; empty if found
};

struct Libraries {
  LibraryFacts cudnn, cublas;
};

/// Loads them if that has not been tried yet. Both are "not built in" where the build has no CUDA part.
Libraries find_libraries();

/// Their functions (kernels/cuda_library_functions.h); null if the library is not found.
struct CudnnFunctions;
struct CublasLtFunctions;
const CudnnFunctions* cudnn_functions();
const CublasLtFunctions* cublas_functions();

}  // namespace karyon::cuda
