// Any bytes, read as Keras's weights in HDF5. Findings with libhdf5 on top of the stack are libhdf5's own.
#include "tests/fuzz/fuzz.h"
#include "weights/keras_hdf5.h"

/// A request for more than 1 GB fails, as it does under the limit that the programs set on the process that reads:
/// libhdf5 asks for what a file claims, and takes the refusal as an error. Leaks are not looked for: libhdf5 leaves
/// some behind when it fails.
extern "C" const char* __asan_default_options() {  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
  return "allocator_may_return_null=1:max_allocation_size_mb=1024:detect_leaks=0";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader([&] { return karyon::read_keras_hdf5({data, size}, "fuzz"); });
  return 0;
}
