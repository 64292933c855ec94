// Any bytes, read as a TIFF, as a picture and as labels: what comes back is whole, what is refused is bad_data.
#include <cstdlib>

#include "apps/images/tiff.h"
#include "kernels/check.h"

namespace {

template <typename Read>
void refuse_or(Read read) {
  try {
    read();
  } catch (const karyon::Error& error) {
    if (error.code() != karyon::Exit::bad_data) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const karyon::PictureLimits limits{std::uint64_t{1} << 18U};
  for (const int page : {0, 1}) {
    refuse_or([&] {
      const karyon::RawPicture raw = karyon::decode_tiff({data, size}, "fuzz", limits, page);
      if (raw.narrow.size() + raw.wide.size() != raw.samples() || raw.count() > limits.max_pixels) std::abort();
    });
  }
  refuse_or([&] {
    const karyon::LabelRaster raster = karyon::decode_tiff_labels({data, size}, "fuzz", limits);
    const auto count = static_cast<std::size_t>(raster.width) * static_cast<std::size_t>(raster.height);
    if (raster.labels.size() != count) std::abort();
  });
  return 0;
}
