// Any bytes, read as PyTorch's zip or old stream; pickles are reached through them.
#include "tests/fuzz/fuzz.h"
#include "weights/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader([&] { return karyon::read_torch({data, data + size}, "fuzz"); });
  return 0;
}
