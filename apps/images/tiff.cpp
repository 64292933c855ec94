#include "apps/images/tiff.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "apps/images/tiff_handle.h"
#include "apps/images/tiff_page.h"
#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::uint64_t kLeastAllocation = std::uint64_t{64} << 20;

/// A file opened at one of its pages.
struct Opened {
  TiffMemory memory;
  TiffHandle tiff;
  TiffPage page;
  int pages = 1;

  Opened(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits, int number) {
    memory.bytes = bytes;
    const std::uint64_t largest = std::min(limits.max_pixels, UINT64_MAX / 64) * 16;  // four samples of 32 bits
    tiff = open_tiff(memory, std::max({kLeastAllocation, std::uint64_t{bytes.size()}, largest}));
    if (!tiff) throw Error(Exit::bad_data, name + ": the TIFF is broken: " + memory.error);
    pages = count_pages(tiff.get(), memory, name);
    if (number < 0 || number >= pages) {
      throw Error(Exit::bad_data, name + " has " + std::to_string(pages) + (pages == 1 ? " page" : " pages") +
                                      ", so there is no page " + std::to_string(number + 1));
    }
    if (number > 0 && TIFFSetDirectory(tiff.get(), static_cast<tdir_t>(number)) != 1) {
      throw Error(Exit::bad_data, name + ": the TIFF is broken: " + memory.error);
    }
    page = read_page(tiff.get(), memory, name, limits);
  }
};

/// One strip or tile, and the part of the picture that it covers.
struct Block {
  std::uint32_t number = 0, x = 0, y = 0, width = 0, height = 0;
  std::uint64_t bytes = 0;  // decoded, padding among them
};

/// Sample i of a row of packed samples, the first in the highest bits; libtiff has put 16 and 32 bits in our order.
template <unsigned kBits>
std::uint32_t sample_at(const std::uint8_t* row, std::size_t i) {
  if constexpr (kBits == 8) return row[i];
  if constexpr (kBits == 16) {
    std::uint16_t value = 0;
    std::memcpy(&value, row + 2 * i, 2);
    return value;
  }
  if constexpr (kBits == 32) {
    std::uint32_t value = 0;
    std::memcpy(&value, row + 4 * i, 4);
    return value;
  }
  if constexpr (kBits < 8) {
    const std::size_t bit = i * kBits;
    return static_cast<std::uint32_t>(row[bit / 8]) >> (8 - kBits - bit % 8) & ((1U << kBits) - 1);
  }
}

/// Reads the strips and tiles of a page into interleaved samples, the first `channels` of each pixel, unscaled.
template <typename Sample>
class BlockReader {
 public:
  BlockReader(Opened& file, const std::string& name, unsigned channels)
      : file_(file), page_(file.page), name_(name), channels_(channels) {}

  std::vector<Sample> read() {
    samples_.resize(std::size_t{page_.width} * page_.height * channels_);
    const unsigned planes = page_.in_planes ? channels_ : 1;
    for (unsigned plane = 0; plane < planes; ++plane) {
      for (std::uint32_t y = 0; y < page_.height; y += std::min(page_.block_height, page_.height - y)) {
        for (std::uint32_t x = 0; x < page_.width; x += std::min(page_.block_width, page_.width - x)) {
          read_block(block_at(x, y, plane), plane);
        }
      }
    }
    return std::move(samples_);
  }

 private:
  [[nodiscard]] Block block_at(std::uint32_t x, std::uint32_t y, unsigned plane) const {
    TIFF* tiff = file_.tiff.get();
    Block block{0,
                x,
                y,
                std::min(page_.block_width, page_.width - x),
                std::min(page_.block_height, page_.height - y),
                page_.block_bytes};
    const auto sample = static_cast<std::uint16_t>(plane);
    if (page_.is_tiled) {
      block.number = TIFFComputeTile(tiff, x, y, 0, sample);
    } else {
      block.number = TIFFComputeStrip(tiff, y, sample);
      block.bytes = TIFFVStripSize64(tiff, block.height);
    }
    return block;
  }

  /// A strip that holds just what is wanted needs no buffer.
  [[nodiscard]] bool fits_in_place() const {
    return !page_.is_tiled && !page_.in_planes && page_.samples == channels_ && page_.bits == 8 * sizeof(Sample);
  }

  void read_block(const Block& block, unsigned plane) {
    if (fits_in_place()) {
      decode(block, reinterpret_cast<std::uint8_t*>(&samples_[std::size_t{block.y} * page_.width * channels_]));
      return;
    }
    buffer_.resize(page_.block_bytes);
    decode(block, buffer_.data());
    const std::size_t pitch = (std::size_t{page_.block_width} * page_.stride() * page_.bits + 7) / 8;
    for (std::uint32_t row = 0; row < block.height; ++row) {
      Sample* to = &samples_[((std::size_t{block.y} + row) * page_.width + block.x) * channels_];
      take_row(buffer_.data() + row * pitch, block.width, to, plane);
    }
  }

  /// Decoders of JPEG and fax data mend what is broken and only warn; that is no whole picture either.
  void decode(const Block& block, std::uint8_t* to) {
    TiffMemory& memory = file_.memory;
    memory.warning.clear();
    TIFF* tiff = file_.tiff.get();
    const auto bytes = static_cast<tmsize_t>(block.bytes);
    const tmsize_t got = page_.is_tiled ? TIFFReadEncodedTile(tiff, block.number, to, bytes)
                                        : TIFFReadEncodedStrip(tiff, block.number, to, bytes);
    // Of LZW there is an old form, which is warned of and read.
    const bool is_mended = !memory.warning.empty() && page_.compression != COMPRESSION_LZW;
    if (got == bytes && memory.error.empty() && !is_mended) return;
    const std::string reason = !memory.error.empty() ? memory.error : is_mended ? memory.warning : "it is cut short";
    throw Error(Exit::bad_data, name_ + ": the TIFF is broken in " + (page_.is_tiled ? "tile " : "strip ") +
                                    std::to_string(block.number) + ": " + reason);
  }

  void take_row(const std::uint8_t* row, std::size_t width, Sample* to, unsigned plane) const {
    switch (page_.bits) {
      case 1:
        return take_samples<1>(row, width, to, plane);
      case 2:
        return take_samples<2>(row, width, to, plane);
      case 4:
        return take_samples<4>(row, width, to, plane);
      case 8:
        return take_samples<8>(row, width, to, plane);
      case 16:
        return take_samples<16>(row, width, to, plane);
      default:
        return take_samples<32>(row, width, to, plane);
    }
  }

  template <unsigned kBits>
  void take_samples(const std::uint8_t* row, std::size_t width, Sample* to, unsigned plane) const {
    const unsigned stride = page_.stride(), taken = page_.in_planes ? 1 : channels_;
    for (std::size_t x = 0; x < width; ++x) {
      for (unsigned ch = 0; ch < taken; ++ch) {
        to[x * channels_ + plane + ch] = static_cast<Sample>(sample_at<kBits>(row, x * stride + ch));
      }
    }
  }

  Opened& file_;
  const TiffPage& page_;
  const std::string& name_;
  unsigned channels_;
  std::vector<Sample> samples_;
  std::vector<std::uint8_t> buffer_;
};

/// How many of the samples are colours. Error for what is neither grey nor RGB nor a palette.
unsigned colours(Opened& file, const std::string& name) {
  const TiffPage& page = file.page;
  const auto refuse = [&name](const std::string& what) {
    return Error(Exit::bad_data, name + " is a TIFF of " + what + "; convert it to RGB or grey");
  };
  switch (page.photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE: {
      std::uint16_t extra = 0;
      const std::uint16_t* kinds = nullptr;
      TIFFGetFieldDefaulted(file.tiff.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds);
      const bool has_alpha = page.samples == 2 && extra == 1 && kinds[0] != EXTRASAMPLE_UNSPECIFIED;
      if (page.samples == 1 || has_alpha) return 1;
      throw Error(Exit::bad_data, name + " holds " + std::to_string(page.samples) +
                                      " channels that are no RGB; save the one that shows the nuclei, or RGB");
    }
    case PHOTOMETRIC_RGB:
      if (page.samples >= 3) return 3;
      throw refuse("RGB with " + std::to_string(page.samples) + " channels");
    case PHOTOMETRIC_PALETTE:
      if (page.samples == 1 && page.bits <= 8) return 1;
      throw refuse("a palette with " + std::to_string(page.samples) + " channels of " + std::to_string(page.bits) +
                   " bits");
    case PHOTOMETRIC_SEPARATED:
      throw refuse("CMYK colours");
    case PHOTOMETRIC_YCBCR:
      throw refuse("YCbCr colours without JPEG");
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
      throw refuse("Lab colours");
    default:
      throw refuse("colours of number " + std::to_string(page.photometric));
  }
}

/// Indices become colours. A palette holds 16 bits a colour; where none is over 255 an old program meant 8.
void expand_palette(RawPicture& picture, Opened& file, const std::string& name) {
  std::array<const std::uint16_t*, 3> map{};
  if (TIFFGetField(file.tiff.get(), TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) != 1) {
    throw Error(Exit::bad_data, name + ": the TIFF is broken: it has no palette");
  }
  const std::size_t colours = std::size_t{1} << file.page.bits;
  const bool is_wide = std::ranges::any_of(
      map, [&](const std::uint16_t* one) { return std::any_of(one, one + colours, [](auto v) { return v > 255; }); });
  std::vector<std::uint8_t> rgb;
  rgb.reserve(3 * picture.narrow.size());
  for (const std::uint8_t index : picture.narrow) {
    for (const std::uint16_t* one : map)
      rgb.push_back(static_cast<std::uint8_t>(is_wide ? one[index] >> 8 : one[index]));
  }
  picture.narrow = std::move(rgb);
  picture.channels = 3;
}

/// 1, 2 and 4 bits to the full range, and black for white.
void scale(RawPicture& picture, const TiffPage& page) {
  if (page.bits < 8) {
    const unsigned factor = 255 / ((1U << page.bits) - 1);
    for (std::uint8_t& v : picture.narrow) v = static_cast<std::uint8_t>(v * factor);
  }
  if (page.photometric == PHOTOMETRIC_MINISWHITE) {
    for (std::uint8_t& v : picture.narrow) v = static_cast<std::uint8_t>(255 - v);
    for (std::uint16_t& v : picture.wide) v = static_cast<std::uint16_t>(65535 - v);
  }
}

}  // namespace

RawPicture decode_tiff(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits,
                       int page) {
  Opened file(bytes, name, limits, page);
  if (file.page.bits == 32) {
    throw Error(Exit::bad_data, name + " holds 32-bit pixels; save it with 8 or 16 bits a channel");
  }
  const unsigned channels = colours(file, name);
  RawPicture picture;
  picture.width = static_cast<int>(file.page.width);
  picture.height = static_cast<int>(file.page.height);
  picture.channels = static_cast<int>(channels);
  picture.pages = file.pages;
  if (file.page.bits == 16) {
    picture.bits = 16;
    picture.wide = BlockReader<std::uint16_t>(file, name, channels).read();
  } else {
    picture.narrow = BlockReader<std::uint8_t>(file, name, channels).read();
  }
  if (file.page.photometric == PHOTOMETRIC_PALETTE) {
    expand_palette(picture, file, name);
  } else {
    scale(picture, file.page);
  }
  return picture;
}

int tiff_bits(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  return Opened(bytes, name, limits, 0).page.bits;
}

LabelRaster decode_tiff_labels(std::span<const std::uint8_t> bytes, const std::string& name,
                               const PictureLimits& limits) {
  Opened file(bytes, name, limits, 0);
  const TiffPage& page = file.page;
  const bool is_grey = page.photometric == PHOTOMETRIC_MINISBLACK || page.photometric == PHOTOMETRIC_MINISWHITE ||
                       page.photometric == PHOTOMETRIC_PALETTE;
  if (page.samples != 1 || page.bits < 8 || !is_grey) {
    throw Error(Exit::bad_data,
                name + " is no label image: it takes a TIFF of one unsigned channel with 8, 16 or 32 bits");
  }
  return {static_cast<int>(page.width), static_cast<int>(page.height),
          BlockReader<std::uint32_t>(file, name, 1).read()};
}

}  // namespace karyon
