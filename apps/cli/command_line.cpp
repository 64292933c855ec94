#include "apps/cli/command_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>

#include <unistd.h>

#include "apps/cli/edit_distance.h"
#include "apps/cli/program.h"
#include "apps/cli/version.h"
#include "kernels/check.h"
#include "weights/numbers.h"

namespace karyon {
namespace {

constexpr const char* kFooter =
    "Each long flag may also be set in the environment: KARYON_BATCH_SIZE for --batch-size.\n"
    "\n"
    "Exit status:\n"
    "    0  done                              70  an internal check failed\n"
    "    1  unexpected failure                71  out of memory\n"
    "    2  usage: a flag, a value, a split   73  the output cannot be written\n"
    "   65  bad data or weights               74  read or write error\n"
    "   66  no such input, or an empty one    75  partly done: some images skipped\n"
    "   69  the device is not usable          76  diverged: the loss is not finite\n"
    "  130  SIGINT                            78  bad configuration\n"
    "  143  SIGTERM\n";

// One look whatever the version of CLI11: "--name RANGE   what it does [default]".
class PlainFormatter final : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    const std::string mark = "{false}";  // at the second of a pair of flags
    if (const auto at = name.find(mark); at != std::string::npos) name.erase(at, mark.size());
    return name;
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 || option->get_positional() ? "" : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string value = option->get_required() ? "required" : option->get_default_str();
    return option->get_description() + (value.empty() ? "" : " [" + value + "]");
  }
};

template <class T>
std::string text_of(T value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

// A float shows as the shortest number that reads back as the same float; 1 becomes 1.0 for TOML's sake.
template <class T>
std::string toml_number(T value) {
  std::string text = number_text(value);
  if (std::is_floating_point_v<T> && text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

template <class T>
std::string limits_text(T low, T high) {
  return text_of(low) + ".." + text_of(high);
}

// Leaves the number's plain form in the word: CLI11 by itself would take 010 for eight.
template <class T>
CLI::Validator in_range(T low, T high) {
  const auto take = [low, high](std::string& word) {
    T value{};
    const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool number = fault == std::errc() && end == word.data() + word.size();
    if (!number || !(low <= value && value <= high)) return "'" + word + "' is no number in " + limits_text(low, high);
    if constexpr (std::is_integral_v<T>) word = std::to_string(value);
    return std::string();
  };
  return {take, ""};
}

bool is_flag(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// The part of "--flag=value" before the sign, with the dashes.
std::string flag_part(const std::string& word) { return word.substr(0, word.find('=')); }

std::string with_dashes(std::string flag) {
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string environment_name(const std::string& long_name) {
  std::string name = "KARYON_";
  for (const char ch : long_name) name += ch == '-' ? '_' : static_cast<char>(std::toupper(ch));
  return name;
}

/// What a flag will be set to, before all flags are read; "" for nothing. The words come last first.
std::string early_value(const std::vector<std::string>& words, const std::string& flag, const std::string& short_flag) {
  const char* variable = std::getenv(environment_name(flag.substr(2)).c_str());
  std::string value = variable == nullptr ? "" : variable;
  for (std::size_t i = words.size(); i-- > 0;) {
    if (words[i] == "--") break;
    if (words[i].starts_with(flag + "=")) value = words[i].substr(flag.size() + 1);
    if ((words[i] == flag || words[i] == short_flag) && i > 0) value = words[i - 1];
  }
  return value;
}

}  // namespace

CommandLine::CommandLine(const std::string& program, const std::string& purpose) : app_(purpose, program) {
  app_.formatter(std::make_shared<PlainFormatter>());
  app_.get_formatter()->column_width(40);
  app_.set_help_flag("-h,--help", "Print this and exit");
  app_.set_version_flag(
      "--version", [program] { return version_text(program); }, "Print version, libraries and CPU features, and exit");
  app_.footer(kFooter);
}

template <class T>
CLI::Option* CommandLine::number(const std::string& flags, T& value, T low, T high, const std::string& help) {
  CLI::Option* option = app_.add_option(flags, value, help)->transform(in_range(low, high));
  bound_[option] = {ConfigKind::number, [&value] { return toml_number(value); }};
  return option->type_name(limits_text(low, high))->default_str(text_of(value));
}

template <class T>
CLI::Option* CommandLine::numbers(const std::string& flags, std::vector<T>& values, T low, T high,
                                  const std::string& help) {
  std::string list;
  for (const T& value : values) list += (list.empty() ? "" : ",") + text_of(value);
  CLI::Option* option = app_.add_option(flags, values, help)->delimiter(',')->allow_extra_args(false);
  bound_[option] = {ConfigKind::numbers, [&values] {
                      std::string text;
                      for (const T& value : values) text += (text.empty() ? "[" : ", ") + toml_number(value);
                      return text.empty() ? "" : text + "]";
                    }};
  return option->transform(in_range(low, high))->type_name("N,N,...")->default_str(list);
}

// NOLINTBEGIN(bugprone-macro-parentheses): a type takes none
#define KARYON_NUMBER(T)                                                                          \
  template CLI::Option* CommandLine::number<T>(const std::string&, T&, T, T, const std::string&); \
  template CLI::Option* CommandLine::numbers<T>(const std::string&, std::vector<T>&, T, T, const std::string&);
KARYON_NUMBER(int)
KARYON_NUMBER(std::int64_t)
KARYON_NUMBER(std::uint64_t)
KARYON_NUMBER(float)
KARYON_NUMBER(double)
#undef KARYON_NUMBER
// NOLINTEND(bugprone-macro-parentheses)

CLI::Option* CommandLine::text(const std::string& flags, std::string& value, const std::string& help) {
  // An unset variable of the shell is a mistake, not a wish for the default.
  const auto given = [](const std::string& word) { return word.empty() ? "expected a value, not ''" : ""; };
  CLI::Option* option = app_.add_option(flags, value, help)->check(given)->default_str(value);
  bound_[option] = {ConfigKind::text, [&value] { return value.empty() ? "" : toml_text(value); }};
  return option;
}

CLI::Option* CommandLine::toggle(const std::string& name, bool& value, const std::string& help) {
  const std::string state = value ? " [on]" : " [off]";
  CLI::Option* option = app_.add_flag("--" + name + ",!--no-" + name, value, help + state)
                            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  bound_[option] = {ConfigKind::toggle, [&value] { return std::string(value ? "true" : "false"); }};
  return option;
}

void CommandLine::take_config_file() {
  config_ = text("-c,--config", config_file_, "Take values from this TOML file (batch-size = 16); flags stand above it")
                ->type_name("FILE");
}

bool CommandLine::is_given(const CLI::Option* option) const {
  return option->count() > 0 || configured_.contains(option);
}

std::string CommandLine::config_text(const std::set<std::string>& left_out) const {
  std::string text;
  for (const CLI::Option* option : app_.get_options()) {  // in the order in which they were added
    const auto found = bound_.find(option);
    if (found == bound_.end() || option == config_ || left_out.contains(option->get_lnames().front())) continue;
    const std::string value = found->second.toml();
    if (!value.empty()) text += option->get_lnames().front() + " = " + value + "\n";
  }
  return text;
}

CLI::Option* CommandLine::folder_with_config(const std::string& flag, std::string& value, const std::string& help) {
  folder_flag_ = flag;
  return text(flag, value, help);
}

/// Values of the files become the defaults, which everything else stands above.
void CommandLine::apply_config(const std::vector<std::string>& words) {
  if (!folder_flag_.empty()) {
    const std::string folder = early_value(words, folder_flag_, folder_flag_);
    const std::string file = folder + "/config.toml";
    if (!folder.empty() && access(file.c_str(), F_OK) == 0) apply_file(file);
  }
  if (config_ == nullptr) return;
  const std::string file = early_value(words, "--config", "-c");
  if (!file.empty()) apply_file(file);
}

void CommandLine::apply_file(const std::string& file) {
  for (const ConfigValue& value : read_config(file)) apply(value, file);
}

void CommandLine::apply(const ConfigValue& value, const std::string& file) {
  const std::string where = file + ":" + std::to_string(value.line) + ": ";
  CLI::Option* option = app_.get_option_no_throw("--" + value.key);
  const auto found = option == config_ ? bound_.end() : bound_.find(option);
  if (found == bound_.end() || option->get_lnames().front() != value.key) {
    throw Error(Exit::bad_config, where + "unknown key '" + value.key + "'" + suggestion("--" + value.key));
  }
  if (found->second.kind != value.kind) {
    constexpr std::array<const char*, 4> kinds{"text", "a number", "true or false", "a list of numbers"};
    throw Error(Exit::bad_config, where + "'" + value.key + "' is " + kinds[static_cast<std::size_t>(value.kind)] +
                                      ", expected " + kinds[static_cast<std::size_t>(found->second.kind)]);
  }
  try {
    for (const std::string& word : value.words) option->add_result(word);
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    throw Error(Exit::bad_config, where + error.what());
  }
  option->clear();
  configured_.insert(option);
}

void CommandLine::parse(int argc, const char* const* argv) {
  std::vector<std::string> words;  // CLI11 takes them last first
  bool flags = true;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    flags = flags && word != "--";
    const std::string name = flag_part(word);
    if (flags && word.starts_with("--") && app_.get_option_no_throw(with_dashes(name)) != nullptr)
      word.replace(0, name.size(), with_dashes(name));
    words.insert(words.begin(), std::move(word));
  }
  apply_config(words);
  take_environment();
  try {
    app_.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    throw Answered{help()};
  } catch (const CLI::CallForVersion& call) {
    throw Answered{call.what()};
  } catch (const CLI::ParseError& error) {
    refuse_unknown();
    throw Error(Exit::usage, error.what());
  }
}

// CLI11 would drop a value of the environment that does not pass its check without a word, so each is tried here first.
void CommandLine::take_environment() {
  for (CLI::Option* option : app_.get_options()) {
    if (option->get_lnames().empty() || option == app_.get_help_ptr() || option == app_.get_version_ptr()) continue;
    const std::string name = environment_name(option->get_lnames().front());
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') continue;
    try {
      option->add_result(std::string(value));
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      throw Error(Exit::usage, "environment " + name + ": " + error.what());
    }
    option->clear();
    option->envname(name);
  }
}

void CommandLine::refuse_unknown() const {
  const std::vector<std::string> unknown = app_.remaining();
  const auto flag = std::find_if(unknown.begin(), unknown.end(), is_flag);
  if (flag != unknown.end())
    throw Error(Exit::usage, "unknown flag " + flag_part(*flag) + suggestion(flag_part(*flag)));
  if (!unknown.empty()) throw Error(Exit::usage, "unexpected argument '" + unknown.front() + "'");
}

std::string CommandLine::help() {
  // The footer says once how the environment is used; CLI11 would say it again at each flag.
  for (CLI::Option* option : app_.get_options()) option->envname("");
  return app_.help();
}

// "; did you mean --epochs?" where a flag is near enough to be meant, else where to find them all.
std::string CommandLine::suggestion(const std::string& flag) const {
  const std::string wanted = with_dashes(flag.substr(flag.find_first_not_of('-')));
  int least = static_cast<int>(wanted.size()) / 3 + 2;
  std::string nearest;
  for (const CLI::Option* option : app_.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const int distance = name.starts_with(wanted) ? 1 : edit_distance(wanted, name);
      if (distance >= least) continue;
      least = distance;
      nearest = name;
    }
  }
  return nearest.empty() ? "; --help lists the flags" : "; did you mean --" + nearest + "?";
}

}  // namespace karyon
