// What `cmake --install` leaves: programs, the shared library with nothing but its own names to be seen, and a package
// that another project finds, wherever the tree was moved to.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/data/synthetic.h"
#include "apps/images/decode.h"
#include "tests/child.h"
#include "tests/data_fixtures.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

/// Runs a line of sh; what it says, on both streams. A failure unless it ends well.
std::string shell(const std::string& line) {
  const TempDir captured;
  const std::string said = (captured / "said").string();
  const int status =
      std::system(("{ " + line + "; } >'" + said + "' 2>&1 </dev/null").c_str());  // NOLINT(cert-env33-c)
  std::string text = text_of(said);
  EXPECT_EQ(status, 0) << line << "\n" << text;
  return text;
}

std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

/// The tree, installed and then moved.
struct Install : ::testing::Test {
  Install() {
    shell("'" KARYON_CMAKE "' --install '" KARYON_BUILD "' --prefix " + quoted(dir / "before"));
    fs::rename(dir / "before", prefix);
  }

  /// A grey picture of nuclei, as PNG and as PGM.
  void put_picture() {
    const Picture rgb = make_synthetic_picture(7, 0, 90, 110).image;
    Picture grey(rgb.width, rgb.height, 1);
    for (std::size_t i = 0; i < grey.pixels.size(); ++i) grey.pixels[i] = rgb.pixels[3 * i + 1];
    write_file(dir / "picture.png", encode_png(grey));
    Bytes pgm = to_bytes("P5\n110 90\n255\n");
    pgm.insert(pgm.end(), grey.pixels.begin(), grey.pixels.end());
    write_file(dir / "picture.pgm", pgm);
  }

  TempDir dir;
  fs::path prefix = dir / "a place";
};

TEST_F(Install, HoldsProgramsLibraryAndPackage) {
  const std::vector<std::string> names = tree(prefix);
  const auto has = [&](const std::string& end) {
    EXPECT_TRUE(std::ranges::any_of(names, [&](const std::string& name) { return name.ends_with(end); })) << end;
  };
  for (const char* end :
       {"bin/train_unet", "bin/infer_unet", "/libkaryon.so", "/libkaryon.so.0", "include/karyon/karyon.h",
        "/cmake/karyon/karyonConfig.cmake", "/cmake/karyon/karyonConfigVersion.cmake", "share/doc/karyon/LICENSE",
        "share/karyon/weights/fetch", "share/karyon/weights/manifest.txt"}) {
    has(end);
  }
  EXPECT_EQ(std::ranges::count_if(names, [](const std::string& name) { return name.ends_with(".a"); }), 0);
  EXPECT_NE(shell(quoted(prefix / "bin/infer_unet") + " --version").find("0."), std::string::npos);
}

TEST_F(Install, TheExampleFindsWhatInferUnetFinds) {
  put_picture();
  const std::string build = quoted(dir / "example");
  shell("'" KARYON_CMAKE "' -S '" KARYON_SOURCE "/apps/library/example' -B " + build +
        " -G '" KARYON_GENERATOR "' -DCMAKE_PREFIX_PATH=" + quoted(prefix) +
        " -DCMAKE_CXX_COMPILER='" KARYON_CXX "' -DCMAKE_CXX_FLAGS='" KARYON_CONSUMER_FLAGS "'");
  shell("'" KARYON_CMAKE "' --build " + build);
  const std::string found =
      shell(quoted(dir / "example/find_nuclei") + " " + quoted(dir / "picture.pgm") + " " + quoted(dir / "labels.raw"));
  shell(quoted(prefix / "bin/infer_unet") + " " + quoted(dir / "picture.png") + " --out " + quoted(dir / "out"));

  const LabelRaster expected = decode_labels(read_file(dir / "out/labels/picture.png"), "labels");
  const Bytes raw = read_file(dir / "labels.raw");
  ASSERT_EQ(raw.size(), expected.labels.size() * sizeof(std::uint32_t));
  std::vector<std::uint32_t> labels(expected.labels.size());
  std::memcpy(labels.data(), raw.data(), raw.size());
  EXPECT_EQ(labels, expected.labels);
  EXPECT_GT(*std::ranges::max_element(labels), 0U);
  EXPECT_EQ(lines_of(found).size(), *std::ranges::max_element(labels));
}

TEST(SharedLibrary, ShowsOnlyItsOwnNames) {
  if (std::system("command -v nm >/dev/null") != 0) GTEST_SKIP() << "nm is not installed";  // NOLINT(cert-env33-c)
  int shown = 0;
  for (const std::string& line : lines_of(shell("nm -D -C --defined-only '" KARYON_LIBRARY "'"))) {
    constexpr std::size_t kBeforeName = 19;  // the address, a blank, the kind, a blank
    const std::string name = line.size() > kBeforeName ? line.substr(kBeforeName) : line;
    EXPECT_TRUE(name.starts_with("karyon::Segmenter::") || name.ends_with(" for karyon::Failure")) << line;
    ++shown;
  }
  EXPECT_GE(shown, 5);
}

}  // namespace
}  // namespace karyon
