// The folder that a program writes into: made, refused, shared with nobody, taken away after a failure.
#include "apps/cli/output_folder.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

TEST(OutputFolder, GoesAgainWithTheParentsItMade) {
  const TempDir dir;
  fs::create_directory(dir / "old");
  for (const char* name : {"new", "new/", "old/a/b/c", "old/a/../b/"}) {
    {
      const OutputFolder folder((dir / name).string(), "", false);
      EXPECT_TRUE(fs::is_directory(dir / name)) << name;
    }
    EXPECT_EQ(dir.names(), Names{"old"}) << name;
    EXPECT_TRUE(fs::is_empty(dir / "old")) << name;
  }
}

TEST(OutputFolder, AnEmptyFolderThatWasThereStays) {
  const TempDir dir;
  fs::create_directory(dir / "mine");
  { const OutputFolder folder((dir / "mine/").string(), "", false); }
  EXPECT_TRUE(fs::is_directory(dir / "mine"));
}

TEST(OutputFolder, ResultsStay) {
  const TempDir dir;
  {
    OutputFolder folder((dir / "run").string(), "", false);
    write_file(folder.preliminary("split.json"), "{}");
    write_file(folder.make_folder("weights") / "last", "w");
    EXPECT_EQ(folder.make_folder("empty"), dir / "run" / "empty");
    folder.keep();
  }
  EXPECT_TRUE(fs::exists(dir / "run/split.json"));
  EXPECT_TRUE(fs::exists(dir / "run/weights/last"));
  EXPECT_FALSE(fs::exists(dir / "run/empty"));
}

TEST(OutputFolder, PreliminaryFilesGoWithoutResults) {
  const TempDir dir;
  {
    OutputFolder folder((dir / "a/run").string(), "", false);
    write_file(folder.preliminary("split.json"), "{}");
    EXPECT_EQ(folder.preliminary("never_written"), dir / "a/run/never_written");
    folder.make_folder("weights");
  }
  EXPECT_EQ(dir.names(), Names{});
}

TEST(OutputFolder, WhatWasThereIsNeverTakenAway) {
  const TempDir dir;
  fs::create_directories(dir / "run/weights");
  write_file(dir / "run/split.json", "old");
  {
    OutputFolder folder((dir / "run").string(), "", true);
    write_file(folder.preliminary("split.json"), "new");
    write_file(folder.preliminary("model.txt"), "new");
    folder.make_folder("weights");
  }
  EXPECT_TRUE(fs::exists(dir / "run/split.json"));
  EXPECT_TRUE(fs::exists(dir / "run/weights"));
  EXPECT_FALSE(fs::exists(dir / "run/model.txt"));
}

TEST(OutputFolder, RefusesWhatItCannotUse) {
  const TempDir dir;
  write_file(dir / "file", "x");
  fs::create_directory(dir / "full");
  write_file(dir / "full/.hidden", "x");
  fs::create_symlink("nowhere", dir / "dangling");
  const auto open = [&](const std::string& name) {
    return [&dir, name] { const OutputFolder folder((dir / name).string(), "", false); };
  };
  expect_error(Exit::cannot_create, "is a file", open("file"));
  expect_error(Exit::cannot_create, "file is a file", open("file/below"));
  expect_error(Exit::cannot_create, "--exist-ok", open("full"));
  expect_error(Exit::cannot_create, "--out", open("dangling"));
  expect_error(Exit::cannot_create, "too long", open("made/and/" + std::string(300, 'x')));
  expect_error(Exit::cannot_create, "/proc/karyon", [] { const OutputFolder folder("/proc/karyon", "", false); });
  EXPECT_EQ(dir.names(), (Names{"dangling", "file", "full"}));
}

TEST(OutputFolder, RefusesASealedFolder) {
  if (geteuid() == 0) GTEST_SKIP() << "the superuser may write everywhere";
  const TempDir dir;
  fs::create_directory(dir / "sealed");
  chmod((dir / "sealed").c_str(), 0500);
  const auto open = [&](const std::string& name) {
    return [&dir, name] { const OutputFolder folder((dir / name).string(), "", false); };
  };
  expect_error(Exit::cannot_create, "cannot be written", open("sealed"));
  expect_error(Exit::cannot_create, "cannot be made", open("sealed/below"));
}

TEST(OutputFolder, ExistOkLetsAFullFolderPass) {
  const TempDir dir;
  write_file(dir / "old", "x");
  const OutputFolder folder(dir.path().string(), "", true);
  EXPECT_EQ(dir.names(), Names{"old"});  // the trial of writing left nothing
}

TEST(OutputFolder, ByDefaultTakesTheFirstFreeNumber) {
  const TempDir dir;
  const fs::path base = dir / "runs/train";
  const OutputFolder first("", base, false), second("", base, false);
  EXPECT_EQ(first.path(), base / "exp");
  EXPECT_EQ(second.path(), base / "exp2");
  write_file(base / "exp3", "a file of that name");
  fs::create_symlink("nowhere", base / "exp4");
  EXPECT_EQ(OutputFolder("", base, false).path(), base / "exp5");
}

TEST(OutputFolder, NobodySharesADefaultFolder) {
  const TempDir dir;
  constexpr std::size_t many = 8, rounds = 10;
  std::vector<std::string> paths(many * rounds);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < many; ++i) {
      threads.emplace_back([&, i] {
        for (std::size_t k = 0; k < rounds; ++k) {
          OutputFolder folder("", dir / "runs/train", false);
          paths[i * rounds + k] = folder.path().string();
          write_file(folder.path() / "mine", "x");
          { const OutputFolder failed("", dir / "runs/train", false); }
          { const OutputFolder failed("", dir / "others", false); }  // takes its base away, under the others' hands
        }
      });
    }
  }
  EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), paths.size());
}

}  // namespace
}  // namespace karyon
