// Invariant: an opcode makes at most one value and puts at most one on the stack, so what is allocated stays in
// proportion to the bytes there are; no length is believed before that many bytes were seen.
#include "weights/pickle.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kernels/check.h"
#include "weights/pickle_bytes.h"
#include "weights/pickle_opcodes.h"
#include "weights/safetensors_header.h"

namespace karyon {
namespace {

constexpr std::size_t kMostValues = std::size_t{1} << 20;  // and as many on the stack and in the memo

class Reader {
 public:
  Reader(std::span<const std::uint8_t> bytes, const std::string& source) : bytes_(bytes, source) {}

  Pickle read() {
    if (next_op() != PickleOp::proto) fail("does not begin with a protocol");
    if (const std::uint64_t protocol = bytes_.number(1); protocol != 2) {
      fail("is of protocol " + std::to_string(protocol) + ", expected 2, which torch.save writes");
    }
    while (true) {
      const PickleOp op = next_op();
      if (op == PickleOp::stop) return finish();
      const bool known = constant(op) || memo(op) || collection(op) || object(op);
      if (!known)
        fail("has the opcode " + std::to_string(static_cast<int>(op)) +
             ", which no state dict needs; nothing of it was run");
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { bytes_.fail(what); }

  PickleOp next_op() { return static_cast<PickleOp>(bytes_.number(1)); }

  // The stack

  void push(PickleRef ref) {
    if (stack_.size() == kMostValues) fail("puts more than 2^20 values on its stack");
    stack_.push_back(ref);
  }

  /// A new value, on top. In `push_new(kind).items = pop()` C++17 pops first, as the stack machine wants it.
  PickleValue& push_new(PickleKind kind) {
    if (pickle_.values.size() == kMostValues) fail("has more than 2^20 values");
    push(static_cast<PickleRef>(pickle_.values.size()));
    PickleValue& value = pickle_.values.emplace_back();
    value.kind = kind;
    return value;
  }

  /// What lies below the last mark is out of reach until the mark is taken.
  [[nodiscard]] std::size_t reachable() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  PickleRef pop() {
    if (reachable() == 0) fail("takes a value where there is none");
    const PickleRef ref = stack_.back();
    stack_.pop_back();
    return ref;
  }

  std::vector<PickleRef> pop_many(std::size_t count) {
    if (reachable() < count) fail("takes " + std::to_string(count) + " values where there are fewer");
    std::vector<PickleRef> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  std::vector<PickleRef> pop_to_mark() {
    if (marks_.empty()) fail("goes back to a mark that it did not set");
    std::vector<PickleRef> items = pop_many(reachable());
    marks_.pop_back();
    return items;
  }

  /// The value on top, which must be of this kind.
  PickleValue& top(PickleKind kind, const char* action) {
    if (reachable() == 0) fail("takes a value where there is none");
    PickleValue& value = pickle_.values[stack_.back()];
    if (value.kind != kind) fail(std::string(action) + " " + describe(value));
    return value;
  }

  // The opcodes, by family; each function returns whether the opcode was one of its own

  bool constant(PickleOp op) {
    switch (op) {
      case PickleOp::none:
        push_new(PickleKind::none);
        return true;
      case PickleOp::new_true:
      case PickleOp::new_false:
        push_new(PickleKind::boolean).integer = op == PickleOp::new_true ? 1 : 0;
        return true;
      case PickleOp::bin_int:
        push_integer(static_cast<std::int32_t>(bytes_.number(4)));
        return true;
      case PickleOp::bin_int1:
        push_integer(static_cast<std::int64_t>(bytes_.number(1)));
        return true;
      case PickleOp::bin_int2:
        push_integer(static_cast<std::int64_t>(bytes_.number(2)));
        return true;
      case PickleOp::long1:
        push_integer(long_integer());
        return true;
      case PickleOp::bin_float:
        bytes_.take(8);
        push_new(PickleKind::real);
        return true;
      case PickleOp::bin_unicode:
        push_new(PickleKind::text).text = bytes_.text(bytes_.number(4));
        return true;
      default:
        return false;
    }
  }

  void push_integer(std::int64_t value) { push_new(PickleKind::integer).integer = value; }

  /// LONG1: a length of one byte, then two's complement.
  std::int64_t long_integer() {
    const std::uint64_t size = bytes_.number(1);
    if (size > 8) fail("has an integer of " + std::to_string(size) + " bytes, expected at most 8");
    if (size == 0) return 0;
    const std::uint64_t unused = 64 - 8 * size;
    return static_cast<std::int64_t>(bytes_.number(size) << unused) >> unused;  // the shift spreads the sign
  }

  bool memo(PickleOp op) {
    switch (op) {
      case PickleOp::bin_put:
        remember(bytes_.number(1));
        return true;
      case PickleOp::long_bin_put:
        remember(bytes_.number(4));
        return true;
      case PickleOp::bin_get:
        recall(bytes_.number(1));
        return true;
      case PickleOp::long_bin_get:
        recall(bytes_.number(4));
        return true;
      default:
        return false;
    }
  }

  /// Python numbers the memo from 0 without a gap.
  void remember(std::uint64_t place) {
    if (place != memo_.size()) {
      fail("writes to place " + std::to_string(place) + " of its memo, expected " + std::to_string(memo_.size()));
    }
    if (memo_.size() == kMostValues) fail("has more than 2^20 places in its memo");
    if (reachable() == 0) fail("takes a value where there is none");
    memo_.push_back(stack_.back());
  }

  void recall(std::uint64_t place) {
    if (place >= memo_.size()) fail("reads place " + std::to_string(place) + " of its memo, where nothing was written");
    push(memo_[place]);
  }

  bool collection(PickleOp op) {
    switch (op) {
      case PickleOp::mark:
        if (marks_.size() == kMostValues) fail("sets more than 2^20 marks");
        marks_.push_back(stack_.size());
        return true;
      case PickleOp::empty_tuple:
        push_new(PickleKind::tuple);
        return true;
      case PickleOp::tuple:
        push_new(PickleKind::tuple).items = pop_to_mark();
        return true;
      case PickleOp::tuple1:
        push_new(PickleKind::tuple).items = pop_many(1);
        return true;
      case PickleOp::tuple2:
        push_new(PickleKind::tuple).items = pop_many(2);
        return true;
      case PickleOp::tuple3:
        push_new(PickleKind::tuple).items = pop_many(3);
        return true;
      case PickleOp::empty_list:
        push_new(PickleKind::list);
        return true;
      case PickleOp::empty_dict:
        push_new(PickleKind::dict);
        return true;
      case PickleOp::append:
        extend(PickleKind::list, pop_many(1));
        return true;
      case PickleOp::appends:
        extend(PickleKind::list, pop_to_mark());
        return true;
      case PickleOp::set_item:
        extend(PickleKind::dict, pop_many(2));
        return true;
      case PickleOp::set_items:
        extend(PickleKind::dict, pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  void extend(PickleKind kind, const std::vector<PickleRef>& items) {
    PickleValue& target = top(kind, kind == PickleKind::dict ? "sets items of" : "appends to");
    if (kind == PickleKind::dict && items.size() % 2 != 0) fail("sets a key without its value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  bool object(PickleOp op) {
    switch (op) {
      case PickleOp::global:
        push_new(PickleKind::global).global = global();
        return true;
      case PickleOp::reduce:
        call();
        return true;
      case PickleOp::bin_persistent_id:
        top(PickleKind::tuple, "has as a persistent id");
        push_new(PickleKind::persistent).items = pop_many(1);
        return true;
      case PickleOp::build:
        // Attributes of an object: of a state dict its _metadata, version numbers that its tensors do not need.
        pop();
        top(PickleKind::dict, "sets attributes of");
        return true;
      default:
        return false;
    }
  }

  PickleGlobal global() {
    const std::string module = bytes_.line();
    const std::string name = module + "." + bytes_.line();
    const auto* const found =
        std::ranges::find(kPickleGlobals, std::string_view(name), &decltype(kPickleGlobals)::value_type::first);
    if (found == kPickleGlobals.end()) {
      fail("asks for " + printable(name) +
           ", which no state dict needs; nothing of it was run. Of a whole model, save its state_dict()");
    }
    return found->second;
  }

  void call() {
    const bool has_arguments = !top(PickleKind::tuple, "calls a function with").items.empty();
    const PickleRef arguments = pop();
    const PickleGlobal function = top(PickleKind::global, "calls").global;
    pop();
    switch (function) {
      case PickleGlobal::ordered_dict:
        if (has_arguments) fail("makes an OrderedDict of arguments, expected an empty one");
        push_new(PickleKind::dict);
        return;
      case PickleGlobal::rebuild_tensor:
      case PickleGlobal::rebuild_tensor_v2:
      case PickleGlobal::rebuild_parameter: {
        PickleValue& value = push_new(PickleKind::call);
        value.global = function;
        value.items = {arguments};
        return;
      }
      default:
        fail("calls a kind of storage, which is no function");
    }
  }

  Pickle finish() {
    if (stack_.size() != 1 || !marks_.empty()) fail("stops with " + std::to_string(stack_.size()) + " values, not one");
    pickle_.root = stack_.back();
    pickle_.size = bytes_.position();
    return std::move(pickle_);
  }

  PickleBytes bytes_;
  Pickle pickle_;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;  // the stack's height at each
  std::vector<PickleRef> memo_;
};

}  // namespace

std::string describe(const PickleValue& value) {
  switch (value.kind) {
    case PickleKind::none:
      return "None";
    case PickleKind::boolean:
      return value.integer != 0 ? "True" : "False";
    case PickleKind::integer:
      return "the number " + std::to_string(value.integer);
    case PickleKind::real:
      return "a fraction";
    case PickleKind::text:
      return printable(value.text);
    case PickleKind::tuple:
      return "a tuple of " + std::to_string(value.items.size());
    case PickleKind::list:
      return "a list";
    case PickleKind::dict:
      return "a dict";
    case PickleKind::global:
      return "a function or class";
    case PickleKind::call:
      return value.global == PickleGlobal::rebuild_parameter ? "a parameter" : "a tensor";
    case PickleKind::persistent:
      return "a storage";
  }
  KARYON_CHECK(false, "unknown kind of value");
}

Pickle read_pickle(std::span<const std::uint8_t> bytes, const std::string& source) {
  return Reader(bytes, source).read();
}

}  // namespace karyon
