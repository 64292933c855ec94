// Sources, layouts, examples and the resident training set: what counts, what is refused, and by which name.
#include "apps/data/dataset.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "apps/data/source.h"
#include "apps/data/training_set.h"
#include "tests/data_fixtures.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

Dataset open(const fs::path& path, Use use = Use::inference) { return {std::array{path}, use}; }

std::vector<std::string> ids(const Dataset& data) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < data.size(); ++i) all.push_back(data.id(i));
  return all;
}

/// A mask with one rectangle, rows [top, bottom) and columns [left, right).
Picture rectangle(int width, int height, int channels, int top, int bottom, int left, int right) {
  Picture mask(width, height, channels);
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      for (int ch = 0; ch < channels; ++ch) {
        mask.pixels[static_cast<std::size_t>((y * width + x) * channels + ch)] = 255;
      }
    }
  }
  return mask;
}

std::int64_t count_nuclei_pixels(const std::vector<std::uint32_t>& nuclei) {
  return std::ranges::count_if(nuclei, [](std::uint32_t n) { return n != 0; });
}

/// Changes bytes in a file: every place where `from` stands becomes `to`, of the same length.
void patch(const fs::path& file, const std::string& from, const std::string& to) {
  Bytes bytes = read_file(file);
  ASSERT_EQ(from.size(), to.size());
  std::size_t found = 0;
  for (auto at = bytes.begin(); (at = std::search(at, bytes.end(), from.begin(), from.end())) != bytes.end(); ++found) {
    std::copy(to.begin(), to.end(), at);
    ++at;
  }
  ASSERT_GT(found, 0U);
  write_file(file, bytes);
}

/// Sets a 32-bit field of every entry in the archive's central directory.
void patch_directory(const fs::path& file, std::size_t offset, std::uint32_t value) {
  Bytes bytes = read_file(file);
  constexpr std::string_view mark = "PK\1\2";
  for (auto at = bytes.begin(); (at = std::search(at, bytes.end(), mark.begin(), mark.end())) != bytes.end(); ++at) {
    for (unsigned i = 0; i < 4; ++i) {
      *(at + static_cast<std::ptrdiff_t>(offset + i)) = static_cast<std::uint8_t>(value >> (8 * i));
    }
  }
  write_file(file, bytes);
}

// Sources

TEST(Source, MissingPathsAndEmptyOnesAreNoInput) {
  const TempDir dir;
  expect_error(Exit::no_input, "nowhere", [&] { open_source(dir / "nowhere"); });
  expect_error(Exit::no_input, "no picture", [&] { open(dir.path()); });
  put(dir / "notes" / "readme.txt", to_bytes("hello"));
  expect_error(Exit::no_input, "no picture", [&] { open(dir / "notes"); });
  put(dir / "empty.zip", {});
  expect_error(Exit::no_input, "empty.zip", [&] { open(dir / "empty.zip"); });
  Bytes bare = {'P', 'K', 5, 6};
  bare.resize(22);
  expect_error(Exit::no_input, "without entries", [&] { open(put(dir / "bare.zip", bare)); });
}

TEST(Source, WhatIsNoRegularFileIsRefused) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  expect_error(Exit::bad_data, "pipe", [&] { open_source(dir / "pipe"); });
  expect_error(Exit::bad_data, "/dev/null", [&] { open_source("/dev/null"); });
  fs::create_symlink(dir / "loop", dir / "loop");
  expect_error(Exit::bad_data, "loop", [&] { open_source(dir / "loop"); });

  fs::create_directory(dir / "pictures");
  ASSERT_EQ(::mkfifo((dir / "pictures" / "a.png").c_str(), 0600), 0);
  fs::create_symlink("b.png", dir / "pictures" / "b.png");
  fs::create_symlink("gone.png", dir / "pictures" / "c.png");
  const Dataset data = open(dir / "pictures");
  ASSERT_EQ(ids(data), (std::vector<std::string>{"a", "b", "c"}));
  expect_error(Exit::bad_data, "a.png", [&] { return data.load_example(0); });
  expect_error(Exit::bad_data, "b.png", [&] { return data.load_example(1); });
  expect_error(Exit::io, "c.png", [&] { return data.load_example(2); });
}

TEST(Source, AFolderThatContainsItselfEndsTheWalk) {
  const TempDir dir;
  put(dir / "a.png", plain_png(4, 4, 3, 1));
  fs::create_directory_symlink(dir.path(), dir / "again");
  const Dataset data = open(dir.path());
  EXPECT_EQ(ids(data), (std::vector<std::string>{"a"}));
  ASSERT_EQ(data.notes().size(), 1U);
  EXPECT_NE(data.notes()[0].find("again"), std::string::npos);
}

TEST(Source, ZipsAreReadWholeAndTheirChecksumsCount) {
  const TempDir dir;
  const Bytes text = to_bytes("stored as it is, since it is short, with a mark");
  const fs::path zip = make_zip(dir / "a.zip", {{"t/b.txt", text}, {"t/empty/", {}}, {"t/a.txt", Bytes(5000, 'x')}});
  const auto source = open_source(zip);
  EXPECT_EQ(source->listing().files, (std::vector<std::string>{"t/a.txt", "t/b.txt"}));
  EXPECT_EQ(source->listing().folders, (std::vector<std::string>{"t/empty"}));
  EXPECT_EQ(source->read("t/b.txt"), text);
  EXPECT_EQ(source->read("t/a.txt"), Bytes(5000, 'x'));
  fs::copy_file(zip, dir / "flipped.zip");
  patch_directory(dir / "flipped.zip", 16, 0x12345678U);  // the CRCs
  expect_error(Exit::bad_data, "t/b.txt", [&] { return open_source(dir / "flipped.zip")->read("t/b.txt"); });
  Bytes cut = read_file(zip);
  cut.resize(cut.size() / 2);
  expect_error(Exit::bad_data, "cut.zip", [&] { open_source(put(dir / "cut.zip", cut)); });
  expect_error(Exit::bad_data, "text.zip", [&] { open_source(put(dir / "text.zip", text)); });
}

TEST(Source, HostileZipsAreRefused) {
  const TempDir dir;
  const Bytes png = plain_png(4, 4, 3, 1);
  const auto refuse = [&](const std::string& part, const fs::path& zip) {
    expect_error_with(Exit::bad_data, {zip.string(), part}, [&] { open_source(zip); });
  };
  refuse("points out of the archive", make_zip(dir / "1.zip", {{"../a.png", png}}));
  refuse("points out of the archive", make_zip(dir / "2.zip", {{"b/../../a.png", png}}));
  refuse("points out of the archive", make_zip(dir / "3.zip", {{"b/..", png}}));
  refuse("absolute", make_zip(dir / "4.zip", {{"/etc/a.png", png}}));
  refuse("symbolic link", make_zip(dir / "5.zip", {{"a.png", to_bytes("/etc/passwd"), S_IFLNK | 0777U}}));
  refuse("no regular file", make_zip(dir / "6.zip", {{"a.png", {}, S_IFIFO | 0600U}}));
  refuse("encrypted", make_zip(dir / "7.zip", {{"a.png", png, 0, true}}));
  refuse("hundred times", make_zip(dir / "8.zip", {{"a.png", Bytes(std::size_t{20} << 20, 0)}}));

  const fs::path twice = make_zip(dir / "9.zip", {{"one.png", png}, {"two.png", png}});
  patch(twice, "two.png", "one.png");
  refuse("twice", twice);
  const fs::path nul = make_zip(dir / "10.zip", {{"a_b.png", png}});
  patch(nul, "a_b.png", std::string("a\0b.png", 7));
  refuse("NUL", nul);
  const fs::path overlapping = make_zip(dir / "11.zip", {{"a.png", png}, {"b.png", png}});
  patch_directory(overlapping, 20, static_cast<std::uint32_t>(fs::file_size(overlapping) / 2 + 1));
  refuse("overlaps", overlapping);
  std::vector<ZipEntry> many;
  for (int i = 0; i < 300; ++i) many.push_back({std::to_string(i) + ".png", png});
  const fs::path total = make_zip(dir / "12.zip", many);
  patch_directory(total, 24, 15U << 20U);  // each within its own limit, 4.4 GB together
  refuse("2 GB", total);
  const fs::path bzip = make_zip(dir / "13.zip", {{"a.png", png}});
  patch_directory(bzip, 10, 12);  // the method; a date of 0 behind it
  refuse("neither stored nor deflated", bzip);
}

TEST(Source, NamesInZipsAreTakenVerbatim) {
  const TempDir dir;
  const Bytes png = plain_png(4, 4, 3, 1);
  const std::vector<std::string> names = {"with space", "-dash", "Zellk\xC3\xB6rper", "line\nbreak", "a..b"};
  std::vector<ZipEntry> entries;
  for (const std::string& name : names) entries.push_back({name + ".png", png});
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(ids(open(make_zip(dir / "a.zip", entries))), sorted);
  for (const std::string& name : names) put(dir / "folder" / (name + ".png"), png);
  EXPECT_EQ(ids(open(dir / "folder")), sorted);
}

// Layouts

TEST(Layout, KaggleInAFolderAndInAZipBelowAnyParents) {
  const TempDir dir;
  for (const std::string top : {"", "stage1_train/", "a/b/"}) {
    const Bytes left = encode_png(rectangle(8, 6, 1, 0, 6, 0, 2)), right = encode_png(rectangle(8, 6, 4, 2, 4, 6, 8));
    const std::vector<ZipEntry> entries = {{top + "n2/images/n2.png", plain_png(8, 6, 3, 9)},
                                           {top + "n2/masks/y.png", right},
                                           {top + "n2/masks/x.png", left},
                                           {top + "n1/images/n1.png", plain_png(5, 5, 1, 7)},
                                           {top + "n1/masks/", {}},
                                           {top + "n1/.DS_Store", to_bytes("x")},
                                           {"__MACOSX/n1/images/._n1.png", to_bytes("x")},
                                           {top + "labels.csv", to_bytes("x")}};
    const fs::path zip = make_zip(dir / "d.zip", entries);
    const fs::path folder = dir / ("folder" + std::to_string(top.size()));
    for (const ZipEntry& entry : entries) {
      if (entry.name.ends_with('/')) {
        fs::create_directories(folder / entry.name);
      } else {
        put(folder / entry.name, entry.bytes);
      }
    }
    for (const fs::path& path : {zip, folder}) {
      const Dataset data = open(path, Use::training);
      ASSERT_EQ(ids(data), (std::vector<std::string>{"n1", "n2"})) << path;
      const Example empty = data.load_example(0);
      EXPECT_EQ(empty.image.narrow, Bytes(25, 7));
      EXPECT_EQ(empty.nuclei, std::vector<std::uint32_t>(25, 0));
      const Example two = data.load_example(1);
      EXPECT_EQ(two.image.width, 8);
      EXPECT_EQ(two.image.height, 6);
      EXPECT_EQ(two.sha256, sha256_hex(plain_png(8, 6, 3, 9)));
      std::vector<std::uint32_t> joined(48);
      for (std::size_t y = 0; y < 6; ++y) joined[y * 8] = joined[y * 8 + 1] = 1;
      for (std::size_t y = 2; y < 4; ++y) joined[y * 8 + 6] = joined[y * 8 + 7] = 2;
      EXPECT_EQ(two.nuclei, joined);
      EXPECT_TRUE(two.warnings.empty());
    }
  }
}

TEST(Layout, PairsOfEqualNames) {
  const TempDir dir;
  put(dir / "set/inputs/a.png", plain_png(4, 4, 3, 1));
  put(dir / "set/inputs/b.png", plain_png(4, 4, 3, 2));
  put(dir / "set/masks/b.PNG", encode_png(rectangle(4, 4, 3, 0, 2, 0, 4)));
  put(dir / "set/masks/a.png", encode_png(rectangle(4, 4, 1, 0, 1, 0, 4)));
  const Dataset data = open(dir.path(), Use::training);
  ASSERT_EQ(ids(data), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(count_nuclei_pixels(*data.load_example(0).nuclei), 4);
  EXPECT_EQ(count_nuclei_pixels(*data.load_example(1).nuclei), 8);
  fs::remove(dir / "set/masks/a.png");
  expect_error_with(Exit::bad_data, {"a.png", "has no masks"}, [&] { open(dir.path(), Use::training); });
  const Dataset without = open(dir.path());
  EXPECT_FALSE(without.load_example(0).nuclei.has_value());
  EXPECT_TRUE(without.load_example(1).nuclei.has_value());
}

TEST(Layout, PlainPicturesHaveNoTruth) {
  const TempDir dir;
  const fs::path file = put(dir / "odd name.bin", plain_png(3, 2, 3, 5));
  EXPECT_EQ(ids(open(file)), (std::vector<std::string>{"odd name"}));
  EXPECT_FALSE(open(file).load_example(0).nuclei.has_value());
  put(dir / "p/b.png", plain_png(3, 2, 3, 5));
  put(dir / "p/sub/a.PNG", plain_png(3, 2, 3, 5));
  EXPECT_EQ(ids(open(dir / "p")), (std::vector<std::string>{"a", "b"}));
  const fs::path zip = make_zip(dir / "z.zip", {{"q/c.png", plain_png(3, 2, 3, 5)}});
  EXPECT_EQ(ids(open(zip)), (std::vector<std::string>{"c"}));
  expect_error_with(Exit::bad_data, {"c.png", "has no masks"}, [&] { open(zip, Use::training); });
  EXPECT_EQ(ids(Dataset(std::array{file, dir / "p", zip, file}, Use::inference)),
            (std::vector<std::string>{"a", "b", "c", "odd name"}));
}

TEST(Layout, TheTestSetOfKaggleHasNoMasks) {
  const TempDir dir;
  put(dir / "x/images/x.png", plain_png(3, 2, 3, 5));
  EXPECT_FALSE(open(dir.path()).load_example(0).nuclei.has_value());
  expect_error_with(Exit::bad_data, {"x.png", "no folder", "x/masks"}, [&] { open(dir.path(), Use::training); });
}

TEST(Layout, WhatDoesNotFitIsNamed) {
  const TempDir dir;
  put(dir / "x/images/x.png", plain_png(3, 2, 3, 5));
  put(dir / "x/masks/x.png", plain_png(3, 2, 1, 5));
  put(dir / "preview.png", plain_png(3, 2, 3, 5));
  const Dataset data = open(dir.path(), Use::training);
  EXPECT_EQ(ids(data), (std::vector<std::string>{"x"}));
  ASSERT_EQ(data.notes().size(), 1U);
  EXPECT_NE(data.notes()[0].find("preview.png"), std::string::npos);
  put(dir / "lost/masks/m.png", plain_png(3, 2, 1, 5));
  expect_error_with(Exit::bad_data, {"lost/masks", "belongs to no picture"}, [&] { open(dir.path(), Use::training); });
  EXPECT_EQ(open(dir.path()).notes().size(), 2U);
  put(dir / "x/images/y.png", plain_png(3, 2, 3, 5));
  expect_error_with(Exit::bad_data, {"x/images", "2 pictures"}, [&] { open(dir.path()); });
}

TEST(Ids, ClashesGetTheirFoldersInFront) {
  const TempDir dir;
  const Bytes png = plain_png(3, 2, 3, 5);
  for (const char* name : {"s1/p1/w.png", "s1/p2/w.png", "s2/p1/w.png", "s2/p3/v.png", "s3/u.png", "s3/u.PNG"}) {
    put(dir / name, png);
  }
  EXPECT_EQ(ids(open(dir.path())), (std::vector<std::string>{"p2_w", "s1_p1_w", "s2_p1_w", "u.PNG", "u.png", "v"}));
  const fs::path a = make_zip(dir / "a.zip", {{"w.png", png}}), b = make_zip(dir / "b.zip", {{"w.png", png}});
  EXPECT_EQ(ids(Dataset(std::array{b, a}, Use::inference)), (std::vector<std::string>{"a_w", "b_w"}));
  put(dir / "k/c1/images/image.png", png);
  put(dir / "k/c2/images/image.png", png);
  EXPECT_EQ(ids(open(dir / "k/")), (std::vector<std::string>{"c1_image", "c2_image"}));
}

// Examples

TEST(Example, OverlapsAndEmptyMasksAreReported) {
  const TempDir dir;
  put(dir / "x/images/x.png", plain_png(6, 6, 3, 5));
  put(dir / "x/masks/a.png", encode_png(rectangle(6, 6, 1, 0, 3, 0, 3)));
  put(dir / "x/masks/b.png", encode_png(rectangle(6, 6, 1, 2, 4, 1, 3)));
  put(dir / "x/masks/c.png", plain_png(6, 6, 1, 127));  // counts from 128
  const Example example = open(dir.path()).load_example(0);
  EXPECT_EQ(count_nuclei_pixels(*example.nuclei), 11);
  EXPECT_EQ(example.overlapping_pixels, 2);
  ASSERT_EQ(example.warnings.size(), 2U);
  EXPECT_NE(example.warnings[0].find("c.png has no pixel over 127 (its largest value is 127)"), std::string::npos);
  EXPECT_NE(example.warnings[1].find("2 pixels"), std::string::npos);
  put(dir / "x/masks/c.png", plain_png(6, 6, 1, 128));
  EXPECT_EQ(count_nuclei_pixels(*open(dir.path()).load_example(0).nuclei), 36);
}

TEST(Example, AMaskOfAnotherSizeIsNamedWithItsImage) {
  const TempDir dir;
  put(dir / "x/images/x.png", plain_png(6, 4, 3, 5));
  put(dir / "x/masks/m.png", plain_png(4, 6, 1, 255));
  expect_error_with(Exit::bad_data, {"m.png is 4 x 6", "x.png is 6 x 4"},
                    [&] { return open(dir.path()).load_example(0); });
}

TEST(Example, BrokenFilesAreNamedInsideZipsToo) {
  const TempDir dir;
  Bytes mask = plain_png(6, 4, 1, 255);
  mask[mask.size() - 20] ^= 1U;
  const fs::path zip = make_zip(dir / "d.zip", {{"x/images/x.png", plain_png(6, 4, 3, 5)},
                                                {"x/masks/m.png", mask},
                                                {"y/images/y.png", to_bytes("text")},
                                                {"y/masks/", {}},
                                                {"z/images/z.png", plain_png(6, 4, 3, 5)},
                                                {"z/masks/", {}}});
  expect_error_with(Exit::bad_data, {"d.zip: x/masks/m.png"}, [&] { return open(zip).load_example(0); });
  expect_error_with(Exit::bad_data, {"d.zip: y/images/y.png", "not a PNG"}, [&] { return open(zip).load_example(1); });
  // A training load names all of them at once.
  expect_error_with(Exit::bad_data, {"2 of 3", "x/masks/m.png", "y/images/y.png"}, [&] {
    load_training_set(zip, {8, 8}, 2);
  });
}

// The resident set

TEST(TrainingSet, IsResizedAndInOrderWhateverTheThreads) {
  const TempDir dir;
  for (int i = 0; i < 9; ++i) {
    const std::string id = "n" + std::to_string(i);
    Picture image(20 + i, 31, 3);
    for (std::size_t k = 0; k < image.pixels.size(); ++k) image.pixels[k] = static_cast<std::uint8_t>(k * (7U + k % 5));
    put(dir / id / "images" / (id + ".png"), encode_png(image));
    put(dir / id / "masks" / "m.png", encode_png(rectangle(20 + i, 31, 1, 3, 20, 4, 4 + 2 * i)));
  }
  std::vector<std::size_t> seen;
  const TrainingSet one = load_training_set(dir.path(), {16, 12}, 1, [&](std::size_t done, std::size_t total) {
    EXPECT_EQ(total, 9U);
    seen.push_back(done);
  });
  EXPECT_EQ(seen, (std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  ASSERT_EQ(one.size(), 9U);
  EXPECT_EQ(one.ids[3], "n3");
  EXPECT_EQ(one.sha256[3], sha256_hex(read_file(dir / "n3/images/n3.png")));
  EXPECT_EQ(one.images.size(), 9U * 16 * 12 * 3);
  EXPECT_EQ(one.labels.size(), 9U * 16 * 12);
  EXPECT_EQ(one.background_images, 1U);  // n0's rectangle has no columns
  EXPECT_GT(std::ranges::count(one.labels, 1), 0);
  const TrainingSet four = load_training_set(dir.path(), {16, 12}, 4);
  EXPECT_EQ(one.images, four.images);
  EXPECT_EQ(one.labels, four.labels);
  EXPECT_EQ(one.ids, four.ids);
  EXPECT_EQ(one.warnings, four.warnings);
}

TEST(TrainingSet, RoundsToTheNearest) {
  const TempDir dir;
  Picture image(2, 1, 3);
  image.pixels = {0, 10, 255, 10, 13, 0};
  put(dir / "x/images/x.png", encode_png(image));
  put(dir / "x/masks/m.png", encode_png(rectangle(2, 1, 1, 0, 1, 1, 2)));
  const TrainingSet set = load_training_set(dir.path(), {1, 4}, 1);
  // 0 2.5 7.5 10; 10 10.75 12.25 13; 255 191.25 63.75 0
  EXPECT_EQ(set.images, (Bytes{0, 10, 255, 3, 11, 191, 8, 12, 64, 10, 13, 0}));
  EXPECT_EQ(set.labels, (Bytes{0, 0, 1, 1}));
}

TEST(TrainingSet, TheSamePictureTwiceIsReported) {
  const TempDir dir;
  for (const char* id : {"a", "b", "c"}) {
    put(dir / id / "images/i.png", plain_png(4, 4, 3, *id == 'b' ? 1 : 2));
    fs::create_directories(dir / id / "masks");
  }
  const TrainingSet set = load_training_set(dir.path(), {4, 4}, 2);
  EXPECT_EQ(set.background_images, 3U);
  EXPECT_EQ(set.warnings, (std::vector<std::string>{"c_i is the same picture as a_i"}));
}

TEST(TrainingSet, AnExceptionOfProgressEndsTheLoad) {
  const TempDir dir;
  for (int i = 0; i < 20; ++i) {
    put(dir / std::to_string(i) / "images/i.png", plain_png(4, 4, 3, 1));
    fs::create_directories(dir / std::to_string(i) / "masks");
  }
  std::size_t calls = 0;
  const auto stop = [&](std::size_t, std::size_t) {
    ++calls;
    throw std::runtime_error("stop");
  };
  EXPECT_THROW(load_training_set(dir.path(), {4, 4}, 1, stop), std::runtime_error);
  EXPECT_EQ(calls, 1U);
}

TEST(TrainingSet, NucleiOfTheDataScienceBowl) {
  const char* shared = std::getenv("KARYON_SHARED");
  const fs::path zip = fs::path(shared != nullptr ? fs::path(shared) : fs::path(KARYON_SOURCE) / "../shared") /
                       "data/dsb2018_stage1_train.zip";
  if (!fs::exists(zip)) GTEST_SKIP() << zip << " is not there";
  const TrainingSet set = load_training_set(zip, {128, 128}, 2);
  ASSERT_EQ(set.size(), 586U);
  EXPECT_TRUE(std::is_sorted(set.ids.begin(), set.ids.end()));
  EXPECT_EQ(set.ids[0], "00071198d059ba7f5914a526d124d28e6d010c92466da21d4a04cd5413362552");
  EXPECT_EQ(set.background_images, 0U);
  EXPECT_EQ(set.warnings.size(), 5U);  // the corrected masks overlap in five images
  // 13.834%, counted by an implementation in Python with Pillow.
  EXPECT_NEAR(static_cast<double>(std::ranges::count(set.labels, 1)) / static_cast<double>(set.labels.size()),
              0.138340556, 1e-8);
}

}  // namespace
}  // namespace karyon
