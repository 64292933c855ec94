// The flags of a program: CLI11 with Karyon's conventions on top.
// Invariant: a value comes from the command line, else from the environment (KARYON_BATCH_SIZE for --batch-size), else
// from the file that --config names, else it is the default; one that is no number of its range, or a flag that does
// not exist, is Error(Exit::usage) before any work, or Error(Exit::bad_config) with the line where it stands in the
// file.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/cli/config_file.h"

namespace karyon {

class CommandLine {
 public:
  /// `program` as its user types it; `purpose` opens the help.
  CommandLine(const std::string& program, const std::string& purpose);

  /// A number from low to high, both included; NaN and infinity are refused. T: int, int64, uint64, float or double.
  /// Flags are written as CLI11 wants them ("--lr", "-b,--batch-size"); the value's present content is the default.
  template <class T>
  CLI::Option* number(const std::string& flags, T& value, T low, T high, const std::string& help);
  /// Numbers between commas, each from low to high.
  template <class T>
  CLI::Option* numbers(const std::string& flags, std::vector<T>& values, T low, T high, const std::string& help);
  /// A word or a path, never empty when given. An empty default stands for "not given".
  CLI::Option* text(const std::string& flags, std::string& value, const std::string& help);
  /// The pair --name and --no-name, of which the last one given counts. `name` comes without dashes.
  CLI::Option* toggle(const std::string& name, bool& value, const std::string& help);

  /// Adds --config FILE.
  void take_config_file();
  /// A flag that names a folder whose config.toml, where there is one, is taken too, below that of --config.
  CLI::Option* folder_with_config(const std::string& flag, std::string& value, const std::string& help);

  /// For what the above do not cover: positional arguments, exclusions, groups.
  CLI::App& app() { return app_; }

  /// Fills the bound values. Throws Answered (program.h) for --help and --version, Error(Exit::usage) for what is
  /// wrong.
  void parse(int argc, const char* const* argv);

  /// Whether the value is not the default: given on the command line, in the environment or in the file.
  [[nodiscard]] bool is_given(const CLI::Option* option) const;
  /// A file for --config with the present value of every flag that has one, but for those named (without dashes).
  [[nodiscard]] std::string config_text(const std::set<std::string>& left_out) const;

 private:
  struct Bound {
    ConfigKind kind;
    std::function<std::string()> toml;  // the value as it would stand in a file; "" for none
  };

  void apply_config(const std::vector<std::string>& words);
  void apply_file(const std::string& file);
  void apply(const ConfigValue& value, const std::string& file);
  void take_environment();
  void refuse_unknown() const;
  [[nodiscard]] std::string help();
  [[nodiscard]] std::string suggestion(const std::string& flag) const;

  CLI::App app_;
  std::map<const CLI::Option*, Bound> bound_;
  std::set<const CLI::Option*> configured_;
  CLI::Option* config_ = nullptr;
  std::string folder_flag_;
  std::string config_file_;
};

}  // namespace karyon
