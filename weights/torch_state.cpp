// Invariant: a name or key is copied out of the pickle once, so that a file of references to one long text does not
// grow in memory.
#include "weights/torch_state.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string_view>

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {
namespace {

constexpr std::size_t kHighestRank = 8;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 53;

class StateReader {
 public:
  StateReader(const Pickle& pickle, const std::string& source) : pickle_(pickle), source_(source) {}

  TorchState read() {
    // A legacy file lists the storages of passed-over items too, so all of the pickle's are needed.
    storage_of_.reserve(pickle_.values.size());
    for (const PickleValue& value : pickle_.values) {
      storage_of_.push_back(value.kind == PickleKind::persistent ? storage(pickle_.at(value.items[0])) : 0);
    }
    const PickleValue& dict = state_dict();
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue& key = pickle_.at(dict.items[i]);
      if (key.kind != PickleKind::text) fail("the state dict has " + describe(key) + " as a name, expected a text");
      if (!names.insert(key.text).second) fail("tensor " + printable(key.text) + " appears twice");
      add_tensor(key.text, pickle_.at(dict.items[i + 1]));
    }
    return std::move(state_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(Exit::bad_data, source_ + ": " + what); }

  const PickleValue& state_dict() const {
    const PickleValue& root = pickle_.at(pickle_.root);
    if (root.kind != PickleKind::dict) fail("holds " + describe(root) + ", expected a state dict: save state_dict()");
    const PickleValue* inner = nullptr;
    for (std::size_t i = 0; i < root.items.size(); i += 2) {
      const PickleValue& key = pickle_.at(root.items[i]);
      const PickleValue& value = pickle_.at(root.items[i + 1]);
      if (key.kind != PickleKind::text || key.text != "state_dict" || value.kind != PickleKind::dict) continue;
      if (inner != nullptr) fail("the item \"state_dict\" appears twice");
      inner = &value;
    }
    return inner != nullptr ? *inner : root;
  }

  // Storages

  /// The place of the storage that a persistent id names: ("storage", type, key, device, count), in legacy files with
  /// a None behind (or a view of another storage, which no torch since 0.4 writes).
  std::size_t storage(const PickleValue& id) {
    const auto item = [&](std::size_t i) -> const PickleValue& { return pickle_.at(id.items[i]); };
    const bool is_storage = (id.items.size() == 5 || id.items.size() == 6) && item(0).kind == PickleKind::text &&
                            item(0).text == "storage" && item(1).kind == PickleKind::global &&
                            item(2).kind == PickleKind::text && item(3).kind == PickleKind::text;
    if (!is_storage) fail("a persistent id is not that of a storage: (\"storage\", type, key, device, count)");
    const std::string name = "storage " + printable(item(2).text);
    if (id.items.size() == 6 && item(5).kind != PickleKind::none) {
      fail(name + " is a view of another one: " + describe(item(5)) + ", expected None");
    }
    const ArchiveType type = element_type(item(1).global, name);
    const std::uint64_t count = whole_number(item(4), name + " has as its count");
    const auto [place, is_new] = places_.emplace(item(2).text, state_.storages.size());
    if (is_new) state_.storages.push_back({item(2).text, type, count});
    const TorchStorage& known = state_.storages[place->second];
    if (known.type != type || known.count != count) fail(name + " has two types or two counts");
    return place->second;
  }

  ArchiveType element_type(PickleGlobal global, const std::string& name) const {
    switch (global) {
      case PickleGlobal::double_storage:
        return ArchiveType::f64;
      case PickleGlobal::float_storage:
        return ArchiveType::f32;
      case PickleGlobal::half_storage:
        return ArchiveType::f16;
      case PickleGlobal::bfloat16_storage:
        return ArchiveType::bf16;
      case PickleGlobal::long_storage:
        return ArchiveType::i64;
      default:
        fail(name + " has a function as its type");
    }
  }

  // Tensors

  void add_tensor(const std::string& name, const PickleValue& item) {
    const std::string what = "tensor " + printable(name);
    const PickleValue* value = &item;
    if (is_call(item, PickleGlobal::rebuild_parameter)) {
      const PickleValue& arguments = pickle_.at(item.items[0]);  // tensor, requires_grad, backward hooks
      if (arguments.items.size() != 3) fail(what + ": a parameter of " + describe(arguments) + ", expected 3");
      value = &pickle_.at(arguments.items[0]);
    }
    const bool is_v2 = is_call(*value, PickleGlobal::rebuild_tensor_v2);
    if (!is_v2 && !is_call(*value, PickleGlobal::rebuild_tensor)) {
      fail("the item " + printable(name) + " of the state dict is " + describe(*value) +
           ", expected a tensor; save the state_dict() alone");
    }
    const std::vector<PickleRef>& arguments = pickle_.at(value->items[0]).items;
    if (is_v2) {
      check_v2(arguments, what);
    } else if (arguments.size() != 4) {
      fail(what + " is made of " + std::to_string(arguments.size()) + " arguments, expected 4");
    }
    TorchTensor tensor = view(arguments, what);
    tensor.entry.name = name;
    state_.tensors.push_back(std::move(tensor));
  }

  static bool is_call(const PickleValue& value, PickleGlobal function) {
    return value.kind == PickleKind::call && value.global == function;
  }

  /// Behind the four arguments of a view: requires_grad, backward hooks and, since torch 1.12, metadata, which can say
  /// that all values are to be negated or conjugated.
  void check_v2(const std::vector<PickleRef>& arguments, const std::string& what) const {
    if (arguments.size() != 6 && arguments.size() != 7) {
      fail(what + " is made of " + std::to_string(arguments.size()) + " arguments, expected 6 or 7");
    }
    if (arguments.size() == 6) return;
    const PickleValue& metadata = pickle_.at(arguments[6]);
    const bool says_nothing =
        metadata.kind == PickleKind::none || (metadata.kind == PickleKind::dict && metadata.items.empty());
    if (!says_nothing) fail(what + " has metadata, " + describe(metadata) + ", which can change its values");
  }

  /// Of (storage, offset, size, stride).
  TorchTensor view(const std::vector<PickleRef>& arguments, const std::string& what) const {
    const PickleValue& storage = pickle_.at(arguments[0]);
    if (storage.kind != PickleKind::persistent) fail(what + " lies in " + describe(storage) + ", expected a storage");
    TorchTensor tensor;
    tensor.storage = storage_of_[arguments[0]];
    tensor.entry.type = state_.storages[tensor.storage].type;
    tensor.offset = whole_number(pickle_.at(arguments[1]), what + " has as its offset");
    const std::vector<std::uint64_t> shape = numbers(pickle_.at(arguments[2]), what + " has as its shape");
    tensor.entry.shape.assign(shape.begin(), shape.end());
    tensor.strides = numbers(pickle_.at(arguments[3]), what + " has as its strides");
    check_view(tensor, what);
    return tensor;
  }

  void check_view(const TorchTensor& tensor, const std::string& what) const {
    const std::vector<std::int64_t>& shape = tensor.entry.shape;
    if (shape.size() != tensor.strides.size()) {
      fail(what + " has " + std::to_string(shape.size()) + " extents and " + std::to_string(tensor.strides.size()) +
           " strides");
    }
    const std::uint64_t there = state_.storages[tensor.storage].count;
    std::uint64_t count = 1, last = tensor.offset;  // the last element's place
    bool overflows = false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto extent = static_cast<std::uint64_t>(shape[i]);
      if (tensor.strides[i] == 0 && extent > 1) fail(what + " has the stride 0 along " + std::to_string(extent));
      std::uint64_t step = 0;
      overflows = overflows || __builtin_mul_overflow(count, extent, &count) || count > kMostElements;
      if (extent == 0) continue;
      overflows = overflows || __builtin_mul_overflow(extent - 1, tensor.strides[i], &step);
      overflows = overflows || __builtin_add_overflow(last, step, &last);
    }
    if (overflows) fail(what + " has a shape or strides that overflow");
    const bool fits = count == 0 ? tensor.offset <= there : last < there && count <= there;
    if (!fits) {
      fail(what + " of " + std::to_string(count) + " elements ends at element " + std::to_string(last) +
           " of a storage of " + std::to_string(there));
    }
  }

  std::vector<std::uint64_t> numbers(const PickleValue& value, const std::string& what) const {
    if (value.kind != PickleKind::tuple || value.items.size() > kHighestRank) {
      fail(what + " " + describe(value) + ", expected a tuple of at most 8");
    }
    std::vector<std::uint64_t> result;
    for (const PickleRef ref : value.items) result.push_back(whole_number(pickle_.at(ref), what));
    return result;
  }

  std::uint64_t whole_number(const PickleValue& value, const std::string& what) const {
    const auto number = static_cast<std::uint64_t>(value.integer);  // huge where it is negative
    if (value.kind != PickleKind::integer || number > kMostElements) {
      fail(what + " " + describe(value) + ", expected a number from 0 to 2^53");
    }
    return number;
  }

  const Pickle& pickle_;
  const std::string& source_;
  TorchState state_;
  std::map<std::string_view, std::size_t> places_;  // of storages, by key
  std::vector<std::size_t> storage_of_;             // by PickleRef; 0 for what is no storage
};

}  // namespace

TorchState read_torch_state(const Pickle& pickle, const std::string& source) {
  return StateReader(pickle, source).read();
}

std::vector<std::uint8_t> gather(const TorchTensor& tensor, std::span<const std::uint8_t> storage) {
  const std::size_t element = element_size(tensor.entry.type);
  const std::vector<std::int64_t>& shape = tensor.entry.shape;
  const auto count = static_cast<std::size_t>(tensor.entry.count());
  std::vector<std::uint8_t> bytes;
  bytes.reserve(count * element);
  std::vector<std::int64_t> index(shape.size());
  std::uint64_t at = tensor.offset;
  for (std::size_t i = 0; i < count; ++i) {
    const auto from = storage.subspan(at * element, element);
    bytes.insert(bytes.end(), from.begin(), from.end());
    // To the next index: the last axis that has a further one steps on, those behind it go back to 0.
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      at += tensor.strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= tensor.strides[axis] * static_cast<std::uint64_t>(shape[axis]);
      index[axis] = 0;
    }
  }
  return bytes;
}

}  // namespace karyon
