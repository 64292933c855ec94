// Spoiled HDF5 files. They are read in a child, as the programs do it: libhdf5 itself ends on some of them
// (version 1.10 divides by a chunk's length of 0), and that is for the child to contain. Invariant: a child that ends
// is a failure unless the innermost code at work, system libraries apart, is libhdf5's.
#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>

#include <dlfcn.h>
#include <execinfo.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mutations.h"
#include "tests/seeds.h"
#include "weights/keras_hdf5.h"

namespace karyon {
namespace {

constexpr int kEndedInLibrary = 3;
constexpr int kEndedInKaryon = 4;
constexpr unsigned kSecondsForAFile = 10;

/// What the child tells: which mutation it works on, and the first thing that went wrong without ending it.
struct Report {
  std::size_t at = 0;
  std::size_t visited = 0;
  std::array<char, 512> wrong{};
};

/// Ends the child with the one or the other status.
void on_signal(int /*number*/) {
  std::array<void*, 64> frames{};
  const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
  Dl_info own{};
  dladdr(reinterpret_cast<void*>(&on_signal), &own);
  for (int i = 2; i < count; ++i) {  // behind this function and the kernel's call of it
    Dl_info place{};
    if (dladdr(frames[static_cast<std::size_t>(i)], &place) == 0 || place.dli_fname == nullptr) continue;
    if (std::string_view(place.dli_fname).find("libhdf5") != std::string_view::npos) _exit(kEndedInLibrary);
    if (place.dli_fbase == own.dli_fbase) _exit(kEndedInKaryon);
  }
  _exit(kEndedInKaryon);
}

/// The child's work: all mutations from number `first` on.
[[noreturn]] void read_mutations(const Seed& seed, std::size_t first, Report& report) {
  for (const int number : {SIGFPE, SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGALRM}) std::signal(number, on_signal);
  std::size_t index = 0;
  for_each_mutation(seed.bytes, seed.tensor_data, [&](const std::vector<std::uint8_t>& bytes, const std::string& what) {
    if (index++ < first) return;
    report.at = index - 1;
    alarm(kSecondsForAFile);
    const std::string wrong = unsafe_reading("the-file", [&] { return read_keras_hdf5(bytes, "the-file"); });
    if (!wrong.empty() && report.wrong[0] == '\0') {
      std::snprintf(report.wrong.data(), report.wrong.size(), "%s: %s", what.c_str(), wrong.c_str());
    }
  });
  report.visited = index;
  _exit(0);
}

TEST(KerasHdf5Mutation, SpoiledFilesAreRefusedOrWhole) {
  void* shared = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  int ended_in_library = 0;
  for (const Seed& seed : hdf5_seeds()) {
    Report& report = *new (shared) Report;
    for (std::size_t first = 0; report.visited == 0; first = report.at + 1) {
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) read_mutations(seed, first, report);
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      if (WIFEXITED(status) && WEXITSTATUS(status) == kEndedInLibrary) {
        ++ended_in_library;
      } else {
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
            << seed.name << ": mutation " << report.at << " ended the reader, status " << status;
      }
    }
    EXPECT_STREQ(report.wrong.data(), "") << seed.name;
    EXPECT_GT(report.visited, seed.bytes.size());
  }
  munmap(shared, sizeof(Report));
  std::printf("libhdf5 itself ended %d times\n", ended_in_library);
}

}  // namespace
}  // namespace karyon
