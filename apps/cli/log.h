// What a program tells its user while it works, on stderr: lines, and a progress bar below them.
// Invariant: results go to stdout and never through here. A bar is drawn only on a terminal that can move its cursor,
// colour only where NO_COLOR is not set; elsewhere the output is plain lines. Calls may come from several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include <unistd.h>

namespace karyon {

enum class Verbosity : std::uint8_t { quiet, normal, verbose };

class Log {
 public:
  /// fd: a terminal, a file or a pipe; its kind decides on bars and colour. It is not closed.
  explicit Log(Verbosity verbosity = Verbosity::normal, int fd = STDERR_FILENO);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// A line, without its end; nothing when quiet.
  void note(std::string_view line);
  /// A line, only when verbose.
  void detail(std::string_view line);
  /// A line behind "warning: ", always.
  void warn(std::string_view line);

  /// From now on every line, whatever the verbosity says, goes to the end of this file too. Error cannot_create.
  void copy_to(const std::filesystem::path& file);

  /// Whether bars are drawn here: a terminal, TERM set and not "dumb", not quiet.
  [[nodiscard]] bool live() const { return live_; }
  /// Width of the terminal now; 80 where it is not known.
  [[nodiscard]] int columns() const;
  /// Puts one line below all others, or takes it away ("" ). Only where live.
  void show_bar(std::string_view bar);

 private:
  void write_line(std::string_view line);
  void copy(std::string_view line);

  std::mutex mutex_;
  Verbosity verbosity_;
  int fd_;
  int copy_ = -1;
  bool live_ = false;
  bool colour_ = false;
  std::string bar_;  // as it stands on the screen
};

}  // namespace karyon
