#include "kernels/cuda_libraries.h"

#if KARYON_WITH_CUDA
#include <cstddef>

#include <dlfcn.h>

#include "kernels/cuda_library_functions.h"
#endif

namespace karyon::cuda {

#if KARYON_WITH_CUDA

namespace {

template <class Functions>
struct Library {
  Functions functions;
  LibraryFacts facts;
};

/// The library `name` of this major version, else the one without a number; null, with the loader's reason for the
/// first, if there is neither. Never closed: its functions stay in use until the process ends.
void* open_library(const std::string& name, int major, std::string& fault) {
  void* library = dlopen((name + "." + std::to_string(major)).c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* reason = dlerror();
  fault = reason == nullptr ? name + " not found" : reason;
  library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library != nullptr) fault.clear();
  return library;
}

/// Fills one entry; the first function that is missing is the library's fault.
template <class Function>
void take(void* library, const char* name, Function& entry, std::string& fault) {
  entry = reinterpret_cast<Function>(dlsym(library, name));
  if (entry == nullptr && fault.empty()) fault = std::string("the library has no ") + name;
}

/// The version's parts stand in `number` as 10000 major + 100 minor + patch.
void judge_version(std::size_t number, int major, LibraryFacts& facts) {
  const std::string text =
      std::to_string(number / 10000) + "." + std::to_string(number % 10000 / 100) + "." + std::to_string(number % 100);
  if (number / 10000 == static_cast<std::size_t>(major)) {
    facts.version = text;
    facts.found = true;
  } else {
    facts.fault = "it is version " + text + ", this binary needs " + std::to_string(major);
  }
}

#define KARYON_TAKE(name) take(library, #name, found.functions.name, found.facts.fault);

Library<CudnnFunctions> load_cudnn() {
  Library<CudnnFunctions> found;
  void* library = open_library("libcudnn.so", CUDNN_MAJOR, found.facts.fault);
  if (library == nullptr) return found;
  KARYON_CUDNN_FUNCTIONS(KARYON_TAKE)
  if (found.facts.fault.empty()) judge_version(found.functions.cudnnGetVersion(), CUDNN_MAJOR, found.facts);
  return found;
}

Library<CublasLtFunctions> load_cublas() {
  Library<CublasLtFunctions> found;
  void* library = open_library("libcublasLt.so", CUBLAS_VER_MAJOR, found.facts.fault);
  if (library == nullptr) return found;
  KARYON_CUBLASLT_FUNCTIONS(KARYON_TAKE)
  if (found.facts.fault.empty()) judge_version(found.functions.cublasLtGetVersion(), CUBLAS_VER_MAJOR, found.facts);
  return found;
}

#undef KARYON_TAKE

const Library<CudnnFunctions>& cudnn() {
  static const Library<CudnnFunctions> kLibrary = load_cudnn();
  return kLibrary;
}

const Library<CublasLtFunctions>& cublas() {
  static const Library<CublasLtFunctions> kLibrary = load_cublas();
  return kLibrary;
}

}  // namespace

Libraries find_libraries() { return {cudnn().facts, cublas().facts}; }

const CudnnFunctions* cudnn_functions() { return cudnn().facts.found ? &cudnn().functions : nullptr; }
const CublasLtFunctions* cublas_functions() { return cublas().facts.found ? &cublas().functions : nullptr; }

#else

Libraries find_libraries() {
  const LibraryFacts absent{.found = false, .version = {}, .fault = "not built in"};
  return {absent, absent};
}

const CudnnFunctions* cudnn_functions() { return nullptr; }
const CublasLtFunctions* cublas_functions() { return nullptr; }

#endif

}  // namespace karyon::cuda
