// Any bytes, read as MobileNetV2 in an ONNX file.
#include "tests/fuzz/fuzz.h"
#include "weights/onnx_encoder.h"

namespace {
/// fuzz_reader takes an archive by its value's members.
struct Read {
  std::unique_ptr<karyon::Archive> archive;
  [[nodiscard]] const std::vector<karyon::ArchiveEntry>& entries() const { return archive->entries(); }
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& name) const { return archive->read(name); }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  karyon::fuzz_reader([&] { return Read{karyon::read_onnx({data, size}, "fuzz")}; });
  return 0;
}
