// All that is followed in a pickle: the opcodes, and the names of functions and classes.
// Invariant: nothing here runs anything; INST, OBJ, NEWOBJ, EXT1 to EXT4, PERSID and STACK_GLOBAL are left out.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "weights/pickle.h"

namespace karyon {

/// As in CPython's Lib/pickletools.py.
enum class PickleOp : std::uint8_t {
  proto = 0x80,
  stop = '.',
  mark = '(',
  global = 'c',
  reduce = 'R',
  build = 'b',
  bin_persistent_id = 'Q',
  none = 'N',
  new_true = 0x88,
  new_false = 0x89,
  bin_int = 'J',
  bin_int1 = 'K',
  bin_int2 = 'M',
  long1 = 0x8a,
  bin_float = 'G',
  bin_unicode = 'X',
  empty_tuple = ')',
  tuple = 't',
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  empty_list = ']',
  append = 'a',
  appends = 'e',
  empty_dict = '}',
  set_item = 's',
  set_items = 'u',
  bin_put = 'q',
  long_bin_put = 'r',
  bin_get = 'h',
  long_bin_get = 'j',
};

inline constexpr std::array<std::pair<std::string_view, PickleGlobal>, 9> kPickleGlobals{
    {{"collections.OrderedDict", PickleGlobal::ordered_dict},
     {"torch._utils._rebuild_tensor", PickleGlobal::rebuild_tensor},
     {"torch._utils._rebuild_tensor_v2", PickleGlobal::rebuild_tensor_v2},
     {"torch._utils._rebuild_parameter", PickleGlobal::rebuild_parameter},
     {"torch.DoubleStorage", PickleGlobal::double_storage},
     {"torch.FloatStorage", PickleGlobal::float_storage},
     {"torch.HalfStorage", PickleGlobal::half_storage},
     {"torch.BFloat16Storage", PickleGlobal::bfloat16_storage},
     {"torch.LongStorage", PickleGlobal::long_storage}}};

}  // namespace karyon
