#include "tests/tiff_writer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "engine/files.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

/// A row of packed samples.
std::vector<std::uint8_t> packed(const std::vector<std::uint32_t>& values, unsigned bits) {
  std::vector<std::uint8_t> row((values.size() * bits + 7) / 8);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (bits == 16) {
      const auto value = static_cast<std::uint16_t>(values[i]);
      std::memcpy(&row[2 * i], &value, 2);
    } else if (bits == 32) {
      std::memcpy(&row[4 * i], &values[i], 4);
    } else {
      const std::size_t bit = i * bits;
      row[bit / 8] = static_cast<std::uint8_t>(row[bit / 8] | values[i] << (8 - bits - bit % 8));
    }
  }
  return row;
}

/// A strip's or tile's samples; what lies beyond the picture is 0.
std::vector<std::uint8_t> block_of(const TiffForm& form, const std::vector<std::uint32_t>& values, std::uint32_t x,
                                   std::uint32_t y, std::uint32_t width, std::uint32_t height, int plane) {
  std::vector<std::uint8_t> block;
  const std::uint32_t first = plane < 0 ? 0 : static_cast<std::uint32_t>(plane);
  const std::uint32_t end = plane < 0 ? form.samples : first + 1;
  for (std::uint32_t v = y; v < y + height; ++v) {
    std::vector<std::uint32_t> row;
    for (std::uint32_t u = x; u < x + width; ++u) {
      const bool is_inside = u < form.width && v < form.height;
      for (std::uint32_t ch = first; ch < end; ++ch) {
        row.push_back(is_inside ? values[(std::size_t{v} * form.width + u) * form.samples + ch] : 0);
      }
    }
    const std::vector<std::uint8_t> bytes = packed(row, form.bits);
    block.insert(block.end(), bytes.begin(), bytes.end());
  }
  return block;
}

void expect(bool done) {
  if (!done) throw std::runtime_error("libtiff did not write");
}

void write_blocks(TIFF* tiff, const TiffForm& form, int plane) {
  const std::vector<std::uint32_t> values = form.values.empty() ? pattern_of(form) : form.values;
  const auto sample = static_cast<std::uint16_t>(std::max(plane, 0));
  const std::uint32_t width = form.tile != 0 ? form.tile : form.width;
  const std::uint32_t rows = form.tile != 0 ? form.tile : form.rows;
  for (std::uint32_t y = 0; y < form.height; y += rows) {
    for (std::uint32_t x = 0; x < form.width; x += width) {
      const std::uint32_t height = form.tile != 0 ? rows : std::min(rows, form.height - y);
      std::vector<std::uint8_t> block = block_of(form, values, x, y, width, height, plane);
      const auto size = static_cast<tmsize_t>(block.size());
      expect(form.tile != 0
                 ? TIFFWriteEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, sample), block.data(), size) == size
                 : TIFFWriteEncodedStrip(tiff, TIFFComputeStrip(tiff, y, sample), block.data(), size) == size);
    }
  }
}

void write_page(TIFF* tiff, const TiffForm& form) {
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, form.width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, form.height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, form.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, form.samples);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, form.photometric);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, form.compression);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, form.format);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, form.in_planes ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  if (!form.extra.empty()) TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, form.extra.size(), form.extra.data());
  if (!form.palette.empty()) {
    const std::size_t colours = form.palette.size() / 3;
    TIFFSetField(tiff, TIFFTAG_COLORMAP, form.palette.data(), &form.palette[colours], &form.palette[2 * colours]);
  }
  if (form.photometric == PHOTOMETRIC_YCBCR) TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  if (form.tile != 0) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, form.tile);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, form.tile);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, form.rows);
  }
  if (form.in_planes) {
    for (int plane = 0; plane < form.samples; ++plane) write_blocks(tiff, form, plane);
  } else {
    write_blocks(tiff, form, -1);
  }
  expect(TIFFWriteDirectory(tiff) == 1);
}

}  // namespace

std::vector<std::uint32_t> pattern_of(const TiffForm& form) {
  std::vector<std::uint32_t> values(std::size_t{form.width} * form.height * form.samples);
  const std::uint64_t range = std::uint64_t{1} << form.bits;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint32_t>((i * 40503 + i * i / 7) % range);
  return values;
}

std::vector<std::uint8_t> write_tiff(const std::vector<TiffForm>& pages, const std::string& mode) {
  const TempDir dir;
  TIFF* tiff = TIFFOpen((dir / "a.tif").c_str(), mode.c_str());
  expect(tiff != nullptr);
  for (const TiffForm& page : pages) write_page(tiff, page);
  TIFFClose(tiff);
  return read_file(dir / "a.tif");
}

}  // namespace karyon
