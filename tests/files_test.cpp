// read_file and write_file: what they promise for every kind of path, and that a failure leaves nothing behind.
#include "engine/files.h"

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/expect_error.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

std::string text_of(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

TEST(ReadFile, GivesTheWholeFile) {
  const TempDir dir;
  const std::string content("a\0b\n\xff", 5);
  std::ofstream(dir / "x", std::ios::binary) << content;
  EXPECT_EQ(text_of(dir / "x"), content);
  std::ofstream(dir / "empty").flush();
  EXPECT_TRUE(read_file(dir / "empty").empty());
}

TEST(ReadFile, MissingIsNoInput) {
  const TempDir dir;
  std::ofstream(dir / "file") << "x";
  expect_error(Exit::no_input, "No such file", [&] { read_file(dir / "none"); });
  expect_error(Exit::no_input, (dir / "none").string(), [&] { read_file(dir / "none"); });
  expect_error(Exit::no_input, "Not a directory", [&] { read_file(dir / "file" / "below"); });
  expect_error(Exit::no_input, "File name too long", [&] { read_file(dir / std::string(300, 'n')); });
  expect_error(Exit::no_input, "No such file", [&] { read_file(""); });
}

TEST(ReadFile, OnlyRegularFilesAndNoWaiting) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("loop", dir / "loop");
  expect_error(Exit::bad_data, "is a folder", [&] { read_file(dir.path()); });
  expect_error(Exit::bad_data, "not a regular file", [&] { read_file(dir / "pipe"); });
  expect_error(Exit::bad_data, "not a regular file", [&] { read_file("/dev/null"); });
  expect_error(Exit::bad_data, "symbolic links", [&] { read_file(dir / "loop"); });
}

TEST(ReadFile, RefusesMoreThanTheLimit) {
  const TempDir dir;
  std::ofstream(dir / "five") << "12345";
  EXPECT_EQ(read_file(dir / "five", 5).size(), 5U);
  expect_error(Exit::bad_data, "has 5 bytes, more than the 4", [&] { read_file(dir / "five", 4); });
}

TEST(ReadFile, ReadErrorsCarryTheSystemsText) {
  // Address 0 of a process cannot be read; the file's size, 0, does not tell.
  expect_error(Exit::io, "Input/output error", [] { read_file("/proc/self/mem"); });
  expect_error(Exit::io, "changed its size", [] { read_file("/proc/self/status"); });
}

TEST(ReadFile, DeniedIsIo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TempDir dir;
  std::ofstream(dir / "secret") << "x";
  ASSERT_EQ(::chmod((dir / "secret").c_str(), 0), 0);
  expect_error(Exit::io, "Permission denied", [&] { read_file(dir / "secret"); });
}

TEST(WriteFile, WritesReplacesAndLeavesNoTemporary) {
  const TempDir dir;
  write_file(dir / "x", "first, longer");
  EXPECT_EQ(text_of(dir / "x"), "first, longer");
  write_file(dir / "x", "second");
  EXPECT_EQ(text_of(dir / "x"), "second");
  const std::vector<std::uint8_t> bytes{0, 255, 10};
  write_file(dir / "b", bytes);
  EXPECT_EQ(read_file(dir / "b"), bytes);
  write_file(dir / "empty", "");
  EXPECT_EQ(dir.names(), (std::vector<std::string>{"b", "empty", "x"}));
}

TEST(WriteFile, TakesAPathWithoutAFolder) {
  const TempDir dir;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  write_file("plain", "x");
  std::filesystem::current_path(before);
  EXPECT_EQ(text_of(dir / "plain"), "x");
}

TEST(WriteFile, ReadersOfTheOldFileKeepIt) {
  const TempDir dir;
  write_file(dir / "x", "old");
  std::ifstream reader(dir / "x");
  write_file(dir / "x", "new");
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old");
}

TEST(WriteFile, ModeFollowsTheUmask) {
  const TempDir dir;
  for (const mode_t mask : {022U, 027U, 077U}) {
    const mode_t before = ::umask(mask);
    write_file(dir / "x", "x");
    ::umask(before);
    struct stat status {};
    ASSERT_EQ(::stat((dir / "x").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0644U & ~mask);
  }
}

TEST(WriteFile, FolderThatCannotBeWritten) {
  const TempDir dir;
  write_file(dir / "file", "x");
  expect_error(Exit::cannot_create, "No such file", [&] { write_file(dir / "none" / "x", "x"); });
  expect_error(Exit::cannot_create, "Not a directory", [&] { write_file(dir / "file" / "x", "x"); });
  expect_error(Exit::cannot_create, "Is a directory", [&] { write_file(dir.path().string() + "/", "x"); });
  // sysfs takes no new files, not even from root.
  expect_error(Exit::cannot_create, "'/sys/karyon'", [] { write_file("/sys/karyon", "x"); });
}

TEST(WriteFile, NeverReplacesWhatIsNoRegularFile) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "folder");
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  for (const char* name : {"folder", "pipe"}) {
    expect_error(Exit::cannot_create, "of that name", [&] { write_file(dir / name, "x"); });
  }
  EXPECT_TRUE(std::filesystem::is_fifo(dir / "pipe"));
  EXPECT_EQ(dir.names(), (std::vector<std::string>{"folder", "pipe"}));
}

TEST(WriteFile, RenameThatFailsLeavesNothing) {
  const TempDir dir;
  expect_error(Exit::cannot_create, "File name too long", [&] { write_file(dir / std::string(300, 'n'), "x"); });
  EXPECT_TRUE(dir.names().empty());
}

TEST(WriteFile, FailureHalfWayKeepsTheOldFile) {
  const TempDir dir;
  write_file(dir / "x", "old");
  // A limit on the size of files fails the write in the middle, as a full disk does.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(Exit::io, "File too large", [&] { write_file(dir / "x", std::string(10000, 'n')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(text_of(dir / "x"), "old");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

TEST(FileWriter, PiecesAppearTogetherAtTheEnd) {
  const TempDir dir;
  write_file(dir / "x", "old");
  {
    FileWriter file(dir / "x");
    file.write(std::vector<std::uint8_t>{'n', 'e'});
    file.write({});
    file.write(std::vector<std::uint8_t>{'w'});
    EXPECT_EQ(text_of(dir / "x"), "old");
    file.commit();
  }
  EXPECT_EQ(text_of(dir / "x"), "new");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

TEST(FileWriter, WithoutCommitNothingChanges) {
  const TempDir dir;
  write_file(dir / "x", "old");
  FileWriter(dir / "x").write(std::vector<std::uint8_t>{'n'});
  EXPECT_EQ(text_of(dir / "x"), "old");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace karyon
