// Any bytes, read as Keras's weights in HDF5.
#include "tests/fuzz/fuzz.h"
#include "weights/keras_hdf5.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader([&] { return karyon::read_keras_hdf5({data, size}, "fuzz"); });
  return 0;
}
