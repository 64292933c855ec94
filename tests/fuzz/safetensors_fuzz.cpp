// Any bytes, read as safetensors.
#include "tests/fuzz/fuzz.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader(
      [&] { return std::make_unique<karyon::SafetensorsFile>(std::vector(data, data + size), "fuzz"); });
  return 0;
}
