// Any bytes, read as a zip: what is listed is read, and is as long as it is said to be or refused.
#include <cstdlib>

#include "engine/zip_file.h"
#include "kernels/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const karyon::ZipFile zip({data, data + size}, "fuzz");
    for (const karyon::ZipFile::Entry& entry : zip.entries()) {
      if (entry.size > (1U << 20U)) continue;  // for speed: it is zeroed first
      try {
        if (zip.read(entry.name).size() != entry.size) std::abort();
      } catch (const karyon::Error& error) {
        if (error.code() != karyon::Exit::bad_data) std::abort();
      }
    }
  } catch (const karyon::Error& error) {
    if (error.code() != karyon::Exit::bad_data) std::abort();
  }
  return 0;
}
