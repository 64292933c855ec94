// Pickles for tests, put together from pieces: each function gives the opcodes that leave one value on the stack.
// Invariant: what these write without being told to break a rule, Python reads the same way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace karyon::pickle {

/// Little-endian.
inline std::string bytes_of(std::uint64_t number, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xFFU));
  return bytes;
}

inline std::string op(int code) { return {static_cast<char>(code)}; }

/// PROTO 2, the value, STOP.
inline std::string whole(const std::string& value) { return op(0x80) + op(2) + value + "."; }

inline std::string text(const std::string& text) { return "X" + bytes_of(text.size(), 4) + text; }
/// LONG1 of 8 bytes.
inline std::string number(std::int64_t value) {
  return op(0x8a) + op(8) + bytes_of(static_cast<std::uint64_t>(value), 8);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}

inline std::string join(const std::vector<std::string>& values) {
  std::string all;
  for (const std::string& value : values) all += value;
  return all;
}
inline std::string tuple(const std::vector<std::string>& values) { return "(" + join(values) + "t"; }
inline std::string list(const std::vector<std::string>& values) { return "](" + join(values) + "e"; }
/// A plain dict; keys are texts.
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string all = "}(";
  for (const auto& [key, value] : items) all += text(key) + value;
  return all + "u";
}
inline std::string call(const std::string& function, const std::string& arguments) {
  return function + arguments + "R";
}
inline std::string ordered_dict() { return call(global("collections", "OrderedDict"), ")"); }

// PyTorch's own

inline std::string numbers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> all(values.size());
  std::ranges::transform(values, all.begin(), number);
  return tuple(all);
}
/// "FloatStorage" and the like; `behind` are further items of the id, such as the None of legacy files.
inline std::string storage(const std::string& type, const std::string& key, std::int64_t count,
                           const std::string& behind = {}) {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), number(count), behind}) + "Q";
}
inline std::string tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              tuple({storage, number(offset), numbers(shape), numbers(strides), op(0x89), ordered_dict()}));
}
inline std::string parameter(const std::string& tensor) {
  return call(global("torch._utils", "_rebuild_parameter"), tuple({tensor, op(0x88), ordered_dict()}));
}

}  // namespace karyon::pickle
