#include "apps/images/tiff_page.h"

#include <algorithm>

#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::uint64_t kMaxBlockBytes = std::uint64_t{64} << 20;
constexpr unsigned kMaxSamples = 4;  // RGB and alpha

template <typename Number>
Number field(TIFF* tiff, std::uint32_t tag) {
  Number value = 0;
  TIFFGetFieldDefaulted(tiff, tag, &value);
  return value;
}

/// What a byte of compressed data can become at most. Where no bound is known, what a strip of empty fax lines needs.
std::uint64_t greatest_ratio(std::uint16_t compression) {
  switch (compression) {
    case COMPRESSION_NONE:
      return 1;
    case COMPRESSION_PACKBITS:
      return 64;
    case COMPRESSION_LZW:
      return 4096;
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE:
      return 1032;
    default:
      return std::uint64_t{1} << 17;
  }
}

std::uint64_t row_bytes(const TiffPage& page) { return (std::uint64_t{page.width} * page.samples * page.bits + 7) / 8; }

void check_samples(TIFF* tiff, const TiffPage& page, const std::string& name) {
  const auto format = field<std::uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT);
  const std::string advice = "; save it with 8 or 16 bits a channel";
  const std::string bits = std::to_string(page.bits) + "-bit ";
  if (format == SAMPLEFORMAT_IEEEFP || format == SAMPLEFORMAT_COMPLEXIEEEFP) {
    throw Error(Exit::bad_data, name + " holds " + bits + "floating-point pixels" + advice);
  }
  if (format == SAMPLEFORMAT_INT || format == SAMPLEFORMAT_COMPLEXINT) {
    throw Error(Exit::bad_data, name + " holds " + bits + "signed pixels" + advice);
  }
  if (page.bits != 1 && page.bits != 2 && page.bits != 4 && page.bits != 8 && page.bits != 16 && page.bits != 32) {
    throw Error(Exit::bad_data, name + " holds " + bits + "pixels" + advice);
  }
  if (page.samples == 0 || page.samples > kMaxSamples) {
    throw Error(Exit::bad_data, name + " holds " + std::to_string(page.samples) +
                                    " channels; save the one that shows the nuclei, or RGB");
  }
}

void read_blocks(TIFF* tiff, TiffPage& page, const std::string& name) {
  page.is_tiled = TIFFIsTiled(tiff) != 0;
  if (page.is_tiled) {
    page.block_width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH);
    page.block_height = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH);
    page.block_bytes = TIFFTileSize64(tiff);
  } else {
    page.block_width = page.width;
    page.block_height = std::min(field<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP), page.height);
    page.block_bytes = TIFFVStripSize64(tiff, page.block_height);
  }
  const std::string kind = page.is_tiled ? "tiles" : "strips";
  const std::string size = std::to_string(page.block_width) + " x " + std::to_string(page.block_height);
  if (page.block_width == 0 || page.block_height == 0 || page.block_bytes == 0) {
    throw Error(Exit::bad_data, name + ": the TIFF is broken: its " + kind + " are of " + size + " pixels");
  }
  const std::uint64_t cap = std::max(kMaxBlockBytes, row_bytes(page) * page.height);
  if (page.block_bytes > cap) {
    throw Error(Exit::bad_data, name + ": " + kind + " of " + size + " pixels (" + std::to_string(page.block_bytes) +
                                    " bytes) are over the limit of " + std::to_string(cap) +
                                    "; save it with smaller ones");
  }
  const std::uint64_t least = (std::uint64_t{page.block_width} * page.block_height * page.stride() * page.bits + 7) / 8;
  if (page.block_bytes < least) {
    throw Error(Exit::bad_data, name + ": the TIFF is broken: its " + kind + " of " + size + " pixels have " +
                                    std::to_string(page.block_bytes) + " bytes");
  }
}

/// Every strip and tile lies within the file. A header that promises more than they can become is a lie.
void check_amount(TIFF* tiff, const TiffMemory& memory, const TiffPage& page, const std::string& name) {
  const std::uint32_t blocks = page.is_tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  const std::uint64_t size = memory.bytes.size();
  std::uint64_t data = 0;
  for (std::uint32_t block = 0; block < blocks; ++block) {
    const std::uint64_t offset = TIFFGetStrileOffset(tiff, block), bytes = TIFFGetStrileByteCount(tiff, block);
    if (offset > size || bytes > size - offset) {
      throw Error(Exit::bad_data, name + ": the TIFF is cut short: " + (page.is_tiled ? "tile " : "strip ") +
                                      std::to_string(block) + " lies beyond the file's end");
    }
    data += bytes;
  }
  if (row_bytes(page) * page.height > data * greatest_ratio(page.compression) + 4096) {
    throw Error(Exit::bad_data, name + ": the TIFF is cut short: too little data for " + std::to_string(page.width) +
                                    " x " + std::to_string(page.height) + " pixels");
  }
}

}  // namespace

int count_pages(TIFF* tiff, TiffMemory& memory, const std::string& name) {
  memory.error.clear();
  memory.warning.clear();
  const auto pages = static_cast<int>(TIFFNumberOfDirectories(tiff));
  const std::string& reason = memory.error.empty() ? memory.warning : memory.error;  // of a circle it only warns
  if (!reason.empty()) throw Error(Exit::bad_data, name + ": the TIFF's list of pages is broken: " + reason);
  return pages;
}

TiffPage read_page(TIFF* tiff, TiffMemory& memory, const std::string& name, const PictureLimits& limits) {
  TiffPage page;
  page.width = field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH);
  page.height = field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH);
  check_size(page.width, page.height, name, "TIFF", limits);
  page.bits = field<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE);
  page.samples = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL);
  page.compression = field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION);
  if (TIFFIsCODECConfigured(page.compression) == 0) {
    throw Error(Exit::bad_data, name + ": the TIFF's compression (number " + std::to_string(page.compression) +
                                    ") cannot be read here; save it with LZW or deflate");
  }
  if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page.photometric) != 1) {
    page.photometric = page.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  }
  check_samples(tiff, page, name);
  page.in_planes = page.samples > 1 && field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
  if (page.photometric == PHOTOMETRIC_YCBCR && page.compression == COMPRESSION_JPEG) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    page.photometric = PHOTOMETRIC_RGB;
  }
  read_blocks(tiff, page, name);
  check_amount(tiff, memory, page, name);
  if (!memory.error.empty()) throw Error(Exit::bad_data, name + ": the TIFF is broken: " + memory.error);
  return page;
}

}  // namespace karyon
