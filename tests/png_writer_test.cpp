// PNG by rows: the same samples come back, and a file is there when it is whole.
#include "apps/images/png_writer.h"

#include <gtest/gtest.h>

#include "apps/images/decode.h"
#include "tests/data_fixtures.h"

namespace karyon {
namespace {

TEST(PngWriter, RowsOfEveryFormComeBack) {
  const TempDir dir;
  for (const int channels : {1, 3}) {
    for (const int bits : {8, 16}) {
      const PngForm form{701, 900, channels, bits};  // noise of over 1 MiB but for grey: written in pieces
      RawPicture raw(form.width, form.height, channels, bits);
      std::uint32_t state = 1;
      const auto next = [&state] { return (state = state * 1664525U + 1013904223U) >> 16U; };
      for (auto& v : raw.narrow) v = static_cast<std::uint8_t>(next());
      for (auto& v : raw.wide) v = static_cast<std::uint16_t>(next());
      const auto pitch = static_cast<std::size_t>(form.width * channels);
      PngWriter writer(dir / "a.png", form);
      for (std::size_t at = 0; at < raw.samples(); at += pitch) {
        if (bits == 8) {
          writer.add(std::span(raw.narrow).subspan(at, pitch));
        } else {
          writer.add(std::span(raw.wide).subspan(at, pitch));
        }
      }
      writer.finish();
      const RawPicture back = decode_raw(read_file(dir / "a.png"), "a.png");
      EXPECT_EQ(back.channels, channels);
      EXPECT_EQ(back.bits, bits);
      EXPECT_EQ(back.narrow, raw.narrow);
      EXPECT_TRUE(back.wide == raw.wide);
    }
  }
}

TEST(PngWriter, LeavesNothingUnlessItWasFinished) {
  const TempDir dir;
  {
    PngWriter writer(dir / "a.png", {4, 2, 1, 8});
    writer.add(Bytes(4));
    expect_error(Exit::internal, "all rows", [&] { writer.finish(); });
    expect_error(Exit::internal, "as many samples", [&] { writer.add(Bytes(3)); });
    expect_error(Exit::internal, "bits", [&] { writer.add(std::vector<std::uint16_t>(4)); });
  }
  EXPECT_TRUE(dir.names().empty());
  expect_error(Exit::cannot_create, "none", [&] { PngWriter(dir / "none/a.png", {1, 1, 1, 8}); });
}

}  // namespace
}  // namespace karyon
