// A configuration file: TOML with one key a flag ("batch-size = 16", underscores taken for dashes).
// Invariant: what comes back has known kinds only, each with its line, so that a fault can be told by line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace karyon {

enum class ConfigKind : std::uint8_t { text, number, toggle, numbers };

struct ConfigValue {
  std::string key;  // with dashes
  ConfigKind kind = ConfigKind::text;
  std::vector<std::string> words;  // as they would stand on the command line
  unsigned line = 0;
};

/// In the file's order of keys. Error no_input where there is no file; bad_config, naming file and line, for what is
/// not TOML, a key that stands there twice, a section, or a value of another kind.
std::vector<ConfigValue> read_config(const std::filesystem::path& path);

/// The text as a TOML string, whatever is in it.
std::string toml_text(const std::string& text);

}  // namespace karyon
