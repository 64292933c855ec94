#include "apps/images/tiff_handle.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

namespace karyon {
namespace {

/// Keeps the first message. 1: dealt with, the global handlers are not called.
int keep_message(std::string& message, const char* format, va_list arguments) {
  std::array<char, 300> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  try {
    if (message.empty()) message = text.data();
  } catch (const std::exception&) {
    return 1;  // no memory for the message; that the call failed is told by its result
  }
  return 1;
}

int on_error(TIFF* /*tiff*/, void* memory, const char* /*module*/, const char* format, va_list arguments) {
  return keep_message(static_cast<TiffMemory*>(memory)->error, format, arguments);
}

int on_warning(TIFF* /*tiff*/, void* memory, const char* /*module*/, const char* format, va_list arguments) {
  return keep_message(static_cast<TiffMemory*>(memory)->warning, format, arguments);
}

std::uint64_t size_of(const TiffMemory& memory) {
  return memory.written != nullptr ? memory.written->size() : memory.bytes.size();
}

/// The file so far: what is written is read back when its directory is put in.
const std::uint8_t* data_of(const TiffMemory& memory) {
  return memory.written != nullptr ? memory.written->data() : memory.bytes.data();
}

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  auto* memory = static_cast<TiffMemory*>(handle);
  const std::uint64_t size = size_of(*memory);
  const std::uint64_t left = size - std::min(memory->position, size);
  const std::uint64_t got = std::min(left, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (got > 0) std::memcpy(to, data_of(*memory) + memory->position, got);
  memory->position += got;
  return static_cast<tmsize_t>(got);
}

tmsize_t write_bytes(thandle_t handle, void* from, tmsize_t count) {
  auto* memory = static_cast<TiffMemory*>(handle);
  if (memory->written == nullptr || count < 0) return 0;
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  const std::uint64_t end = memory->position + static_cast<std::uint64_t>(count);
  try {
    if (end > memory->written->size()) memory->written->resize(end);
  } catch (const std::exception&) {
    return 0;
  }
  std::copy_n(bytes, count, memory->written->begin() + static_cast<std::ptrdiff_t>(memory->position));
  memory->position = end;
  return count;
}

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto* memory = static_cast<TiffMemory*>(handle);
  const std::uint64_t from = whence == SEEK_CUR ? memory->position : whence == SEEK_END ? size_of(*memory) : 0;
  memory->position = from + offset;  // a negative offset comes as its complement, and wraps to the right sum
  return memory->position;
}

int close_nothing(thandle_t /*handle*/) { return 0; }

toff_t tell_size(thandle_t handle) { return size_of(*static_cast<TiffMemory*>(handle)); }

/// Reading without copies of the compressed data. libtiff does not write into it: it is opened for reading.
int map_bytes(thandle_t handle, void** base, toff_t* size) {
  auto* memory = static_cast<TiffMemory*>(handle);
  if (memory->written != nullptr) return 0;
  *base = const_cast<std::uint8_t*>(memory->bytes.data());
  *size = memory->bytes.size();
  return 1;
}

void unmap_nothing(thandle_t /*handle*/, void* /*base*/, toff_t /*size*/) {}

struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

TiffHandle open(TiffMemory& memory, const char* mode, std::uint64_t max_allocation) {
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &memory);
  TIFFOpenOptionsSetMaxSingleMemAlloc(
      options.get(), static_cast<tmsize_t>(std::min(max_allocation, static_cast<std::uint64_t>(INT64_MAX))));
  return TiffHandle(TIFFClientOpenExt("memory", mode, &memory, read_bytes, write_bytes, seek, close_nothing, tell_size,
                                      map_bytes, unmap_nothing, options.get()));
}

}  // namespace

// c: strips as they are stored, where libtiff would divide a large one and calculate sizes of its own.
TiffHandle open_tiff(TiffMemory& memory, std::uint64_t max_allocation) { return open(memory, "rc", max_allocation); }

TiffHandle create_tiff(TiffMemory& memory) { return open(memory, "w", 0); }

}  // namespace karyon
