#include <algorithm>
#include <string>

#include "apps/images/tiff.h"
#include "apps/images/tiff_handle.h"
#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::uint32_t kStripBytes = 1U << 20;

/// Whether all of the tags were taken.
bool set_tags(TIFF* tiff, std::uint32_t width, std::uint32_t height, std::uint32_t rows) {
  return TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width) == 1 && TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height) == 1 &&
         TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 32) == 1 && TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1) == 1 &&
         TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) == 1 &&
         TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK) == 1 &&
         TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == 1 &&
         TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) == 1 &&
         TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL) == 1 &&
         TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, 1) == 1 && TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows) == 1;
}

/// libtiff's predictor works in place, so each strip is copied first.
bool write_strips(TIFF* tiff, std::span<const std::uint32_t> labels, std::size_t strip_labels) {
  std::vector<std::uint32_t> strip;
  std::uint32_t number = 0;
  for (std::size_t at = 0; at < labels.size(); at += strip_labels, ++number) {
    const auto part = labels.subspan(at, std::min(strip_labels, labels.size() - at));
    strip.assign(part.begin(), part.end());
    if (TIFFWriteEncodedStrip(tiff, number, strip.data(), static_cast<tmsize_t>(part.size_bytes())) < 0) return false;
  }
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_tiff_labels32(std::span<const std::uint32_t> labels, int width, int height) {
  KARYON_CHECK(
      width > 0 && height > 0 && labels.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height),
      "as many labels as the sizes say");
  const auto w = static_cast<std::uint32_t>(width), h = static_cast<std::uint32_t>(height);
  const std::uint32_t rows = std::clamp(kStripBytes / 4 / w, 1U, h);
  std::vector<std::uint8_t> bytes;
  TiffMemory memory;
  memory.written = &bytes;
  TiffHandle tiff = create_tiff(memory);
  const bool is_written = tiff && set_tags(tiff.get(), w, h, rows) &&
                          write_strips(tiff.get(), labels, std::size_t{rows} * w) && TIFFFlush(tiff.get()) == 1;
  tiff.reset();
  if (!is_written || !memory.error.empty()) {
    throw Error(Exit::out_of_memory, "labels of " + std::to_string(width) + " x " + std::to_string(height) +
                                         " could not be encoded as TIFF: " + memory.error);
  }
  return bytes;
}

}  // namespace karyon
