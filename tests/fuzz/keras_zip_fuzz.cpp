// Any bytes, read as Keras 3's zip.
#include "tests/fuzz/fuzz.h"
#include "weights/keras_zip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader([&] { return karyon::read_keras_zip({data, data + size}, "fuzz"); });
  return 0;
}
