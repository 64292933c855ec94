// Archives in memory: what zips on disk are tested for in dataset_test.cpp holds here as well, through the same code.
#include "engine/zip_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/data_fixtures.h"

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

}  // namespace
}  // namespace karyon
