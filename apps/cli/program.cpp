#include "apps/cli/program.h"

#include <clocale>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <locale>
#include <new>

#include <malloc.h>
#include <poll.h>
#include <unistd.h>

namespace karyon {
namespace {

int report(const std::string& program, Exit code, const char* message) {
  std::cerr << program << ": " << message << '\n';
  return static_cast<int>(code);
}

bool reader_of_stdout_left() {
  pollfd end{STDOUT_FILENO, POLLOUT, 0};
  return poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP)) != 0;
}

// Results that were lost, on a full disk for example, are no success.
int finish_stdout(const std::string& program, Exit code) {
  std::cout.flush();
  if (code != Exit::done || std::cout || reader_of_stdout_left()) return static_cast<int>(code);
  return report(program, Exit::io, "standard output could not be written; is the disk full?");
}

}  // namespace

int run_program(int argc, char** argv, const std::function<Exit(int argc, char** argv)>& body) {
  const std::string program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "karyon";
  try {
    std::setlocale(LC_ALL, "C");
    std::locale::global(std::locale::classic());
    std::cout.imbue(std::locale::classic());
    std::cerr.imbue(std::locale::classic());
    std::signal(SIGPIPE, SIG_IGN);
#ifdef M_MMAP_THRESHOLD
    // Large blocks go back to the system when they are freed. Left to itself glibc raises this limit to 32 MB, and what
    // pictures and checkpoints leave in the heap stays there.
    mallopt(M_MMAP_THRESHOLD, 1 << 18);
#endif
    return finish_stdout(program, body(argc, argv));
  } catch (const Answered& answer) {
    std::cout << answer.text;
    return finish_stdout(program, Exit::done);
  } catch (const Error& error) {
    return report(program, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return report(program, Exit::out_of_memory, "out of memory; a smaller --batch-size or --image-size needs less");
  } catch (const std::exception& error) {
    return report(program, Exit::unexpected, error.what());
  } catch (...) {
    return report(program, Exit::unexpected, "an unknown failure");
  }
}

}  // namespace karyon
