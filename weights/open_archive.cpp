// Invariant: what libraries parse (HDF5, and ONNX's protobuf) is parsed in a child process; our own parsers, which are
// fuzzed to allocate and run nothing of a file's choosing, are not.
#include "weights/open_archive.h"

#include <string_view>

#include "engine/zip_file.h"
#include "kernels/check.h"
#include "weights/child_reader.h"
#include "weights/keras_hdf5.h"
#include "weights/keras_zip.h"
#include "weights/onnx_encoder.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace karyon {

namespace {

using namespace std::string_view_literals;

bool looks_like_safetensors(std::string_view bytes, const std::string& source) {
  return (bytes.size() > 8 && bytes[8] == '{') || source.ends_with(".safetensors");
}

}  // namespace

std::unique_ptr<Archive> open_archive(std::vector<std::uint8_t> bytes, const std::string& source) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (looks_like_safetensors(text, source)) return std::make_unique<SafetensorsFile>(std::move(bytes), source);
  if (text.starts_with("\x89HDF"sv)) {
    return read_in_child([&] { return read_keras_hdf5(bytes, source); }, source);
  }
  // protobuf has no magic number, but every writer begins with ir_version, field 1.
  if (text.starts_with("\x08"sv) || source.ends_with(".onnx")) {
    return read_in_child([&] { return read_onnx(bytes, source); }, source);
  }
  if (text.starts_with("PK"sv) && ZipFile(bytes, source).find("model.weights.h5") != nullptr) {
    return read_in_child([&] { return read_keras_zip(bytes, source); }, source);
  }
  if (text.starts_with("PK"sv) || text.starts_with("\x80"sv)) return read_torch(std::move(bytes), source);
  throw Error(Exit::bad_data,
              source + ": no weight file that is known here (safetensors, HDF5, .keras, PyTorch's .pth, ONNX)");
}

}  // namespace karyon
