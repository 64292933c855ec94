#include "tests/seeds.h"
#include "tests/tiff_writer.h"

namespace karyon {

std::vector<Seed> tiff_seeds() {
  TiffForm grey;
  grey.width = 19;
  grey.height = 7;
  TiffForm wide = grey;
  wide.bits = 16;
  wide.compression = COMPRESSION_LZW;
  TiffForm tiled = grey;
  tiled.samples = 3;
  tiled.photometric = PHOTOMETRIC_RGB;
  tiled.compression = COMPRESSION_ADOBE_DEFLATE;
  tiled.tile = 16;
  TiffForm planes = tiled;
  planes.in_planes = true;
  planes.compression = COMPRESSION_PACKBITS;
  TiffForm palette = grey;
  palette.bits = 4;
  palette.photometric = PHOTOMETRIC_PALETTE;
  for (std::uint16_t i = 0; i < 48; ++i) palette.palette.push_back(static_cast<std::uint16_t>(i * 1000));
  TiffForm lines = grey;
  lines.bits = 1;
  lines.photometric = PHOTOMETRIC_MINISWHITE;
  lines.compression = COMPRESSION_CCITTFAX4;
  TiffForm labels = grey;
  labels.bits = 32;
  TiffForm jpeg = tiled;
  jpeg.compression = COMPRESSION_JPEG;
  jpeg.photometric = PHOTOMETRIC_YCBCR;
  return {{"grey.tif", write_tiff({grey}), {}},       {"big.tif", write_tiff({wide, grey, wide}, "wb8"), {}},
          {"tiled.tif", write_tiff({tiled}), {}},     {"planes.tif", write_tiff({planes}, "wb"), {}},
          {"palette.tif", write_tiff({palette}), {}}, {"lines.tif", write_tiff({lines}), {}},
          {"labels.tif", write_tiff({labels}), {}},   {"jpeg.tif", write_tiff({jpeg}), {}}};
}

}  // namespace karyon
