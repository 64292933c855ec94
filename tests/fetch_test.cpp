// weights/fetch with a manifest of its own, whose publisher is a folder (file://), and what train_unet does where the
// ImageNet weights are not in the cache.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/child.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

class Fetch : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v curl >/dev/null && command -v flock >/dev/null") != 0) {  // NOLINT(cert-env33-c)
      GTEST_SKIP() << "curl or flock is not installed";
    }
    fs::create_directories(folder_ / "weights");
    fs::copy(fs::path(KARYON_SOURCE) / "weights" / "fetch", folder_ / "weights" / "fetch");
    content_.resize(100000);
    for (std::size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<std::uint8_t>(i * 7 % 251);
    write_file(folder_ / "published.pth", content_);
    write_manifest("file://" + (folder_ / "published.pth").string(), sha256_hex(content_));
  }

  void write_manifest(const std::string& address, const std::string& sha256) {
    write_file(folder_ / "weights" / "manifest.txt", "# a comment\nfile w.pth 100000 " + sha256 + " " + address +
                                                         "\npage by/hand https://example.org/page\n");
  }

  Finished fetch(const std::string& arguments = "") {
    const std::string out = (folder_ / "out").string(), err = (folder_ / "err").string();
    const std::string command = "XDG_CACHE_HOME='" + (folder_ / "cache").string() + "' '" +
                                (folder_ / "weights" / "fetch").string() + "' " + arguments + " >'" + out + "' 2>'" +
                                err + "' </dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a script under test
    return {WEXITSTATUS(status), text_of(out), text_of(err)};
  }

  fs::path cached(const std::string& name) const { return folder_ / "cache" / "karyon" / name; }

  TempDir folder_;
  std::vector<std::uint8_t> content_;
};

TEST_F(Fetch, BringsTheFileOnce) {
  Finished finished = fetch();
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(finished.out, cached("w.pth").string() + "\n");
  EXPECT_EQ(read_file(cached("w.pth")), content_);
  fs::remove(folder_ / "published.pth");
  finished = fetch("w.pth");
  EXPECT_EQ(finished.status, 0) << "it is in the cache";
  EXPECT_EQ(fetch("--cached").out, finished.out);
}

TEST_F(Fetch, GoesOnWhereItStopped) {
  fs::create_directories(cached(""));
  std::vector<std::uint8_t> begun(content_.begin(), content_.begin() + 60000);
  write_file(cached("w.pth.part"), begun);
  EXPECT_EQ(fetch().status, 0);
  EXPECT_EQ(read_file(cached("w.pth")), content_);
  fs::remove(cached("w.pth"));
  begun[5] ^= 1;  // only what is missing is brought, so the digest tells
  write_file(cached("w.pth.part"), begun);
  const Finished spoiled = fetch();
  EXPECT_EQ(spoiled.status, 65) << spoiled.err;
  EXPECT_FALSE(fs::exists(cached("w.pth")));
  EXPECT_FALSE(fs::exists(cached("w.pth.part")));
  EXPECT_EQ(fetch().status, 0) << "it starts over";
}

TEST_F(Fetch, RefusesAnotherFileThanWasPinned) {
  content_[99999] ^= 1;
  write_file(folder_ / "published.pth", content_);
  const Finished finished = fetch();
  EXPECT_EQ(finished.status, 65);
  EXPECT_NE(finished.err.find("is not what the manifest pins"), std::string::npos) << finished.err;
  EXPECT_FALSE(fs::exists(cached("w.pth")));
}

TEST_F(Fetch, SaysInOneLineWhyNot) {
  const auto expect_line = [](const Finished& finished, int status, const std::string& words) {
    EXPECT_EQ(finished.status, status) << finished.err;
    EXPECT_EQ(lines_of(finished.err).size(), 1U) << finished.err;
    EXPECT_NE(finished.err.find(words), std::string::npos) << finished.err;
    EXPECT_EQ(finished.out, "");
  };
  expect_line(fetch("--cached"), 66, "w.pth is not in");
  expect_line(fetch("by/hand"), 2, "fetch it by hand from https://example.org/page");
  expect_line(fetch("other.pth"), 2, "there is no 'other.pth' in the manifest");
  expect_line(fetch("a b"), 2, "usage");
  fs::remove(folder_ / "published.pth");
  expect_line(fetch(), 66, "w.pth cannot be reached");
  fs::remove_all(folder_ / "cache");
  write_file(folder_ / "cache", std::string("a file"));
  expect_line(fetch(), 73, "cannot be written");
}

TEST(ImagenetFlag, SaysWhatToDoWhereTheFileIsNot) {
  const TempDir folder;
  const std::string cache = "XDG_CACHE_HOME=" + folder.path().string();
  const auto dry_run = [&] {
    return run_child("train_unet", {"--dry-run", "--quiet", "--encoder-weights", "imagenet"}, folder.path(), {cache});
  };
  Finished finished = dry_run();
  EXPECT_EQ(finished.status, 66);
  EXPECT_EQ(lines_of(finished.err).size(), 1U) << finished.err;
  EXPECT_NE(finished.err.find("run weights/fetch, or add --fetch-weights"), std::string::npos) << finished.err;
  fs::create_directories(folder / "karyon");
  write_file(folder / "karyon/mobilenet_v2-b0353104.pth", std::string("another file"));
  finished = dry_run();
  EXPECT_EQ(finished.status, 65);
  EXPECT_NE(finished.err.find("is not the file that was pinned"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace karyon
