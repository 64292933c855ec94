// Any bytes, read as MobileNetV2 in an ONNX file.
#include "tests/fuzz/fuzz.h"
#include "weights/onnx_encoder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader([&] { return karyon::read_onnx({data, size}, "fuzz"); });
  return 0;
}
