// The part of Python's pickle that a PyTorch state dict needs (protocol 2, as torch.save writes it), read as data.
// Invariant: nothing is run and nothing is imported. A pickle is a program for a small stack machine; of its opcodes
// only those of a fixed table are followed, and of the functions it may ask for only those of PickleGlobal are known by
// name. Values lie in one table and refer to each other by number: a value that is shared, nested a million deep or
// within itself costs no more than its own bytes in the file, and nothing here recurses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace karyon {

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  tuple,
  list,
  dict,
  global,
  call,
  persistent
};

/// All that a pickle may ask for by name.
enum class PickleGlobal : std::uint8_t {
  ordered_dict,       // collections.OrderedDict
  rebuild_tensor,     // torch._utils._rebuild_tensor
  rebuild_tensor_v2,  // torch._utils._rebuild_tensor_v2
  rebuild_parameter,  // torch._utils._rebuild_parameter
  double_storage,     // torch.DoubleStorage
  float_storage,      // torch.FloatStorage
  half_storage,       // torch.HalfStorage
  bfloat16_storage,   // torch.BFloat16Storage
  long_storage,       // torch.LongStorage
};

/// A value's place in the table.
using PickleRef = std::uint32_t;

struct PickleValue {
  PickleKind kind = PickleKind::none;
  PickleGlobal global = PickleGlobal::ordered_dict;  // of a global, and the function of a call
  std::int64_t integer = 0;                          // of an integer, and of a boolean 0 or 1; a real's is left out
  std::string text;                                  // of a text, UTF-8
  std::vector<PickleRef> items;  // of a tuple and list; a dict's keys and values in turn; of a call and a persistent
                                 // id (an object outside of the pickle) the one tuple of its arguments
};

struct Pickle {
  std::vector<PickleValue> values;
  PickleRef root = 0;
  std::size_t size = 0;  // of the bytes given, up to and with STOP

  [[nodiscard]] const PickleValue& at(PickleRef ref) const { return values[ref]; }
};

/// "a dict", "the number 7", a text between quotes: what messages call a value.
std::string describe(const PickleValue& value);

/// The pickle that begins the bytes; more may follow. Error bad_data, which begins with `source`, for an opcode or a
/// global that is not in the tables, for texts over 4 KB, integers over 64 bits and more than 2^20 values, and where
/// the stack machine goes wrong (nothing to take, no STOP). Source: CPython's Lib/pickletools.py.
Pickle read_pickle(std::span<const std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
