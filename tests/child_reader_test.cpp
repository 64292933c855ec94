// Reading in a child: what it read or why it failed comes over whole, and no way of dying harms the caller.
#include "weights/child_reader.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <omp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/expect_error.h"
#include "tests/mutations.h"
#include "weights/child_answer.h"
#include "weights/loaded_archive.h"

namespace karyon {
namespace {

using Archives = std::unique_ptr<Archive>;

Archives small_archive() {
  return std::make_unique<LoadedArchive>(
      "onnx", "the-file",
      std::vector<LoadedTensor>{{{"b", ArchiveType::f32, {2, 1}}, {0, 0, 128, 63, 0, 0, 0, 64}},
                                {{"a", ArchiveType::u8, {3}}, {1, 2, 3}},
                                {{"none", ArchiveType::i64, {0}}, {}}},
      std::map<std::string, std::string>{{"padding", "SAME"}});
}

template <typename Action>
std::string death_of(Action action, const ChildLimits& limits = {}) {
  return error_of(Exit::bad_data, [&] {
    read_in_child(
        [&] {
          action();
          return small_archive();
        },
        "the-file", limits);
  });
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{});
}

TEST(ChildReader, TheArchiveComesOverWhole) {
  const Archives read = read_in_child(small_archive, "the-file");
  EXPECT_EQ(read->container(), "onnx");
  EXPECT_EQ(read->metadata(), (std::map<std::string, std::string>{{"padding", "SAME"}}));
  EXPECT_TRUE(same_tensors(*read, *small_archive()));
}

TEST(ChildReader, AnArchiveLargerThanThePipeComesOver) {
  const auto large = [] {
    std::vector<std::uint8_t> bytes(5'000'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
    return std::make_unique<LoadedArchive>("h5", "f",
                                           std::vector<LoadedTensor>{{{"t", ArchiveType::u8, {5'000'000}}, bytes}},
                                           std::map<std::string, std::string>{});
  };
  EXPECT_TRUE(same_tensors(*read_in_child(large, "f"), *large()));
}

TEST(ChildReader, AnErrorArrivesWithItsCodeAndText) {
  for (const Exit code : {Exit::bad_data, Exit::no_input, Exit::io, Exit::internal}) {
    const std::string message = error_of(code, [&] {
      read_in_child([&]() -> Archives { throw Error(code, "the-file: tensor \"a\" is missing"); }, "the-file");
    });
    EXPECT_EQ(message, "the-file: tensor \"a\" is missing");
  }
}

TEST(ChildReader, OtherCodesAndControlCharactersStayInTheChild) {
  const std::string message = error_of(Exit::bad_data, [] {
    read_in_child([]() -> Archives { throw Error(Exit::diverged, "the-file: \x1b[2J\n"); }, "the-file");
  });
  EXPECT_EQ(message, "the-file: ?[2J?");
}

TEST(ChildReader, AnyOtherExceptionIsTheFilesFault) {
  EXPECT_EQ(death_of([] { throw std::length_error("vector too long"); }),
            "the-file: the reader failed: vector too long");
}

TEST(ChildReader, ACrashIsTheFilesFault) {
  EXPECT_EQ(death_of([] { std::raise(SIGSEGV); }),
            "the-file: its reader died of signal 11 (Segmentation fault); the file is broken or hostile");
}

TEST(ChildReader, HandlersOfTheCallerDoNotRunInTheChild) {
  const auto before = std::signal(SIGTERM, [](int) { _exit(0); });
  const std::string message = death_of([] { std::raise(SIGTERM); });
  std::signal(SIGTERM, before);
  EXPECT_NE(message.find("signal 15"), std::string::npos) << message;
}

TEST(ChildReader, ASilentEndIsTheFilesFault) {
  EXPECT_NE(death_of([] { _exit(3); }).find("its reader died of exit status 3"), std::string::npos);
  EXPECT_NE(death_of([] { _exit(0); }).find("its reader died of a garbled answer"), std::string::npos);
}

TEST(ChildReader, TooMuchMemoryIsRefusedInTheChild) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer leaves no limit on the address space";
#endif
  const std::string message = death_of([] {
    const std::vector<char> much(std::size_t{2} << 30, 1);
    if (much.back() == 0) _exit(9);  // else the compiler may drop the allocation
  });
  EXPECT_EQ(message, "the-file: reading it takes too much memory; it is broken or hostile");
}

TEST(ChildReader, AnEndlessLoopMeetsTheTimeLimit) {
  const std::string message = death_of(
      [] {
        for (std::atomic<int> turns = 0;;) ++turns;
      },
      {.cpu_seconds = 1});
  // On a busy machine the clock may run out before the processor's time does.
  const bool told = message.find("its reader died of its limit of processor time") != std::string::npos ||
                    message.find("its reader died of its time limit") != std::string::npos;
  EXPECT_TRUE(told) << message;
}

TEST(ChildReader, AChildThatOnlyWaitsMeetsTheTimeLimit) {
  const std::string message = death_of(
      [] {
        for (;;) pause();
      },
      {.seconds = 1});
  EXPECT_NE(message.find("its reader died of its time limit"), std::string::npos) << message;
}

TEST(ChildReader, NoFileCanBeWrittenInTheChild) {
  const std::string path = std::filesystem::temp_directory_path() / ("karyon_child_" + std::to_string(getpid()));
  const std::string message = death_of([&] {
    FILE* file = std::fopen(path.c_str(), "w");
    std::fputs("x", file);
    std::fclose(file);
  });
  std::filesystem::remove(path);
  EXPECT_NE(message.find("File size limit exceeded"), std::string::npos) << message;
}

constexpr int kPipe = 3;

void write_to_pipe(const std::vector<std::uint8_t>& bytes) {
  if (write(kPipe, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) _exit(9);
}

TEST(ChildReader, AGarbledAnswerIsRefused) {
  const auto after = [](const std::vector<std::uint8_t>& bytes) {
    return death_of([&] {
      write_to_pipe(bytes);
      _exit(0);
    });
  };
  const std::string garbled = "the-file: its reader died of a garbled answer; the file is broken or hostile";
  EXPECT_EQ(after({1, 2, 3}), garbled);
  EXPECT_EQ(after(std::vector<std::uint8_t>(100, 'x')), garbled);    // a text beyond the end
  EXPECT_EQ(after({'A', 0, 0, 0, 0, 0, 0, 0x40}), garbled);          // a text of 1 GB
  EXPECT_EQ(after({'E', 65, 0, 0, 1, 0, 0, 0, 'x', 'y'}), garbled);  // more behind the text
  EXPECT_EQ(after({'X', 0, 0, 0, 0, 0, 0, 0}), garbled);             // neither kind
  EXPECT_NE(after({'A', 0, 0, 0, 1, 0, 0, 0, 'x', 'y'}).find("too short for safetensors"), std::string::npos);
}

TEST(ChildReader, AnAnswerBeyondTheLimitIsCutOff) {
  const std::string message = death_of(
      [] {
        for (;;) write_to_pipe(std::vector<std::uint8_t>(1 << 16));
      },
      {.memory = 4 << 20});
  EXPECT_EQ(message, "the-file: its reader sent more than it may; the file is broken or hostile");
}

TEST(ChildReader, NamesThatAreNoTextAreTheFilesFault) {
  for (const char* name : {"\xff", "__metadata__"}) {
    const std::string message = error_of(Exit::bad_data, [&] {
      read_in_child(
          [&] {
            return std::make_unique<LoadedArchive>("h5", "f",
                                                   std::vector<LoadedTensor>{{{name, ArchiveType::u8, {1}}, {1}}},
                                                   std::map<std::string, std::string>{});
          },
          "the-file");
    });
    EXPECT_NE(message.find("the-file: its names or metadata are no text"), std::string::npos) << message;
  }
}

TEST(ChildReader, NeitherDescriptorsNorProcessesStay) {
  const std::ptrdiff_t before = open_descriptors();
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(read_in_child(small_archive, "f"));
    static_cast<void>(death_of([] { std::raise(SIGKILL); }));
    static_cast<void>(death_of([] { throw std::runtime_error("x"); }));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ChildReader, TheChildHoldsNoDescriptorOfTheCaller) {
  const auto count = [] {
    const auto found = static_cast<std::uint8_t>(open_descriptors());
    return std::make_unique<LoadedArchive>("x", "f", std::vector<LoadedTensor>{{{"n", ArchiveType::u8, {1}}, {found}}},
                                           std::map<std::string, std::string>{});
  };
  const int held = dup(STDERR_FILENO);
  // stdin, stdout, stderr, the pipe, and the listing's own.
  EXPECT_EQ(read_in_child(count, "f")->read("n"), std::vector<std::uint8_t>{5});
  close(held);
}

TEST(ChildReader, WorksBesideThreadsOfOpenMp) {
  int threads = 0;
#pragma omp parallel num_threads(4) reduction(+ : threads)
  ++threads;
  EXPECT_EQ(threads, 4);
  EXPECT_TRUE(same_tensors(*read_in_child(small_archive, "f"), *small_archive()));
  threads = 0;
#pragma omp parallel num_threads(4) reduction(+ : threads)
  ++threads;
  EXPECT_EQ(threads, 4);
}

TEST(ChildReader, WorksWhereTheCallerIgnoresItsChildren) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  EXPECT_TRUE(same_tensors(*read_in_child(small_archive, "f"), *small_archive()));
  std::signal(SIGCHLD, before);
}

TEST(ChildAnswer, EverySpoiledAnswerIsRefusedOrHarmless) {
  const std::vector<std::uint8_t> whole = encode_answer(*small_archive(), "the-file");
  for_each_mutation(whole, {{whole.size() - 11, whole.size()}},
                    [](const std::vector<std::uint8_t>& bytes, const std::string& what) {
                      try {
                        const Archives archive = decode_answer(bytes, "the-file");
                        if (archive == nullptr) return;
                        for (const ArchiveEntry& entry : archive->entries()) {
                          EXPECT_EQ(archive->read(entry.name).size(),
                                    static_cast<std::size_t>(entry.count()) * element_size(entry.type))
                              << what;
                        }
                      } catch (const Error& error) {
                        EXPECT_EQ(error.code(), Exit::bad_data) << what << ": " << error.what();
                      }
                    });
}

}  // namespace
}  // namespace karyon
