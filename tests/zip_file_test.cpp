// Archives in memory: what zips on disk are tested for in dataset_test.cpp holds here as well, through the same code.
#include "engine/zip_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/data_fixtures.h"
#include "tests/seeds.h"

namespace karyon {
namespace {

Bytes zip_bytes(const std::vector<ZipEntry>& entries) {
  const TempDir dir;
  return read_file(make_zip(dir / "a.zip", entries));
}

TEST(ZipFile, ReadsFromMemoryWhatWasWritten) {
  const Bytes text = to_bytes("short");
  const ZipFile zip(zip_bytes({{"t/b.txt", text}, {"t/empty/", {}}, {"t/a.txt", Bytes(5000, 'x')}, {"none", {}}}), "f");
  ASSERT_EQ(zip.entries().size(), 4U);
  EXPECT_EQ(zip.entries()[0].name, "t/b.txt");
  EXPECT_EQ(zip.entries()[0].size, 5U);
  EXPECT_TRUE(zip.entries()[0].is_stored);
  EXPECT_EQ(zip.entries()[1].name, "t/empty/");
  EXPECT_FALSE(zip.entries()[2].is_stored);
  EXPECT_LT(zip.entries()[2].archive_size, 100U);
  EXPECT_EQ(zip.read("t/b.txt"), text);
  EXPECT_EQ(zip.read("t/a.txt"), Bytes(5000, 'x'));
  EXPECT_TRUE(zip.read("none").empty());
  EXPECT_EQ(zip.find("t"), nullptr);
  EXPECT_EQ(zip.find("t/empty"), nullptr);
  expect_error(Exit::bad_data, "f: t/c.txt: there is no such entry", [&] { static_cast<void>(zip.read("t/c.txt")); });
}

TEST(ZipFile, RefusesWhatIsNoZip) {
  expect_error(Exit::bad_data, "the-file is no zip that can be read", [] { const ZipFile zip({}, "the-file"); });
  expect_error(Exit::bad_data, "the-file is no zip", [] { const ZipFile zip(to_bytes("PK\3\4 no more"), "the-file"); });
  expect_error(Exit::bad_data, "nowhere.zip is no zip", [] { const ZipFile zip("/nowhere.zip"); });
  Bytes bare = {'P', 'K', 5, 6};
  bare.resize(22);
  EXPECT_TRUE(ZipFile(bare, "f").entries().empty());
}

TEST(ZipFile, AFolderAndAFileOfOneNameAreTwice) {
  expect_error(Exit::bad_data, "twice", [] { const ZipFile zip(zip_bytes({{"a", to_bytes("1")}, {"a/", {}}}), "f"); });
}

TEST(ZipFile, ControlCharactersOfANameDoNotReachTheTerminal) {
  const std::string message = error_of(Exit::bad_data, [] {
    const ZipFile zip(zip_bytes({{"../\x1b[2J", to_bytes("1")}}), "f");
  });
  EXPECT_TRUE(std::ranges::all_of(message, [](char letter) { return letter >= ' ' && letter <= '~'; })) << message;
}

TEST(ZipFile, TwoEndsOfADirectoryAreRefused) {
  // The comment of the archive is the end of another, empty archive: a reader of either end sees other entries.
  Bytes zip = zip_seeds()[0].bytes;
  zip[zip.size() - 2] = 22;
  for (const std::uint8_t byte : {0x50, 0x4B, 5, 6}) zip.push_back(byte);
  zip.resize(zip.size() + 18);
  expect_error(Exit::bad_data, "the-file: the zip's directory is not where its end says",
               [&] { const ZipFile file(zip, "the-file"); });
}

TEST(ZipFile, ASpoiledArchiveNeverGivesOtherBytes) {
  for (const Seed& seed : zip_seeds()) {
    const ZipFile good(seed.bytes, "f");
    int refused = 0;
    for_each_mutation(seed.bytes, {}, [&](const Bytes& bytes, const std::string& how) {
      try {
        const ZipFile zip(bytes, "the-file");
        for (const ZipFile::Entry& entry : zip.entries()) {
          const Bytes read = zip.read(entry.name);
          const bool same = good.find(entry.name) == nullptr || read == good.read(entry.name);
          EXPECT_TRUE(same) << seed.name << " " << how;
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Exit::bad_data) << how;
        EXPECT_EQ(std::string(error.what()).rfind("the-file", 0), 0U) << error.what();
        ++refused;
      }
    });
    EXPECT_GT(refused, 64);
  }
}

}  // namespace
}  // namespace karyon
