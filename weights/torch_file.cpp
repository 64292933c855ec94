#include "weights/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "engine/zip_file.h"
#include "kernels/check.h"
#include "weights/loaded_archive.h"
#include "weights/pickle.h"
#include "weights/safetensors_header.h"
#include "weights/torch_state.h"

namespace karyon {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::array<std::uint8_t, 4> kZipMark{'P', 'K', 3, 4};
/// The pickle of the number 0x1950a86a20f9469cfc6c.
constexpr std::array<std::uint8_t, 15> kLegacyMark{0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                                   0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
constexpr std::int64_t kLegacyProtocol = 1001;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;  // of all tensors
constexpr std::uint64_t kMostGrowth = 16;                     // over the file, by tensors that share a storage

bool begins_with(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> mark) {
  return bytes.size() >= mark.size() && std::ranges::equal(bytes.first(mark.size()), mark);
}

/// All tensors, each storage read once.
std::unique_ptr<Archive> load(const std::string& container, const std::string& source, TorchState state,
                              std::uint64_t file_size, const std::function<Bytes(const TorchStorage&)>& read) {
  std::uint64_t total = 0;
  std::vector<std::vector<std::size_t>> users(state.storages.size());
  for (std::size_t i = 0; i < state.tensors.size(); ++i) {
    const TorchTensor& tensor = state.tensors[i];
    users[tensor.storage].push_back(i);
    total += static_cast<std::uint64_t>(tensor.entry.count()) * element_size(tensor.entry.type);
    if (total > std::min(kMostBytes, kMostGrowth * file_size)) {
      throw Error(Exit::bad_data, source + ": the tensors up to " + printable(tensor.entry.name) +
                                      " take over 1 GB, or over 16 times the file");
    }
  }
  std::vector<LoadedTensor> tensors(state.tensors.size());
  for (std::size_t i = 0; i < state.storages.size(); ++i) {
    if (users[i].empty()) continue;
    const Bytes storage = read(state.storages[i]);
    for (const std::size_t user : users[i]) {
      tensors[user].bytes = gather(state.tensors[user], storage);
      tensors[user].entry = std::move(state.tensors[user].entry);
    }
  }
  return std::make_unique<LoadedArchive>(container, source, std::move(tensors), std::map<std::string, std::string>());
}

// The zip: ROOT/data.pkl, ROOT/data/KEY, ROOT/byteorder, and small entries that say nothing of the tensors.

/// The folder that all entries lie in, with its '/'.
std::string root_of(const ZipFile& zip, const std::string& source) {
  std::string root;
  for (const ZipFile::Entry& entry : zip.entries()) {
    const std::string folder = entry.name.substr(0, entry.name.find('/') + 1);
    if (folder.empty()) throw Error(Exit::bad_data, source + ": entry " + printable(entry.name) + " is in no folder");
    if (root.empty()) root = folder;
    if (folder != root) {
      throw Error(Exit::bad_data, source + ": has two folders, " + printable(root) + " and " + printable(folder) +
                                      ", expected one as torch.save writes it");
    }
    if (!entry.is_stored) {
      throw Error(Exit::bad_data,
                  source + ": entry " + printable(entry.name) + " is compressed, which torch.save never does");
    }
  }
  return root;
}

std::unique_ptr<Archive> read_torch_zip(Bytes bytes, const std::string& source) {
  const std::uint64_t file_size = bytes.size();
  const ZipFile zip(std::move(bytes), source);
  const std::string root = root_of(zip, source);
  if (zip.find(root + "data.pkl") == nullptr) {
    throw Error(Exit::bad_data, source + ": a zip without a data.pkl in its folder; not by torch.save");
  }
  if (zip.find(root + "byteorder") != nullptr) {
    const Bytes order = zip.read(root + "byteorder");
    const std::string text(order.begin(), order.end());
    if (text != "little") {
      throw Error(Exit::bad_data, source + ": the byte order is " + printable(text) + ", expected \"little\"");
    }
  }
  const Bytes data = zip.read(root + "data.pkl");
  const Pickle pickle = read_pickle(data, source + ": data.pkl");
  if (pickle.size != data.size()) {
    throw Error(Exit::bad_data, source + ": data.pkl has " + std::to_string(data.size() - pickle.size) +
                                    " bytes behind its pickle's end");
  }
  return load("pytorch-zip", source, read_torch_state(pickle, source), file_size, [&](const TorchStorage& storage) {
    const std::string name = root + "data/" + storage.key;
    const ZipFile::Entry* entry = zip.find(name);
    if (entry == nullptr) throw Error(Exit::bad_data, source + ": there is no entry " + printable(name));
    if (entry->size != storage.bytes()) {
      throw Error(Exit::bad_data, source + ": entry " + printable(name) + " has " + std::to_string(entry->size) +
                                      " bytes, but its storage needs " + std::to_string(storage.bytes()));
    }
    return zip.read(name);
  });
}

// The stream: the magic number, the protocol, facts of the machine, the state dict, the storages' keys (a pickle each),
// then for each key the count as int64 and the elements.

class LegacyReader {
 public:
  LegacyReader(std::span<const std::uint8_t> bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  std::unique_ptr<Archive> read() {
    at_ = kLegacyMark.size();
    check_protocol(next_pickle());
    check_machine(next_pickle());
    TorchState state = read_torch_state(next_pickle(), source_);
    const Pickle keys = next_pickle();
    const std::map<std::string, std::span<const std::uint8_t>> parts = storages(keys, state);
    return load("pytorch-legacy", source_, std::move(state), bytes_.size(), [&](const TorchStorage& storage) {
      const auto part = parts.at(storage.key);
      return Bytes(part.begin(), part.end());
    });
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(Exit::bad_data, source_ + ": " + what); }

  Pickle next_pickle() {
    Pickle pickle = read_pickle(bytes_.subspan(at_), source_);
    at_ += pickle.size;
    return pickle;
  }

  void check_protocol(const Pickle& pickle) const {
    const PickleValue& protocol = pickle.at(pickle.root);
    if (protocol.kind != PickleKind::integer || protocol.integer != kLegacyProtocol) {
      fail("torch.save's protocol is " + describe(protocol) + ", expected the number 1001");
    }
  }

  void check_machine(const Pickle& pickle) const {
    const PickleValue& facts = pickle.at(pickle.root);
    bool is_little = false;
    for (std::size_t i = 0; facts.kind == PickleKind::dict && i < facts.items.size(); i += 2) {
      const PickleValue& value = pickle.at(facts.items[i + 1]);
      if (pickle.at(facts.items[i]).text == "little_endian") {
        is_little = value.kind == PickleKind::boolean && value.integer == 1;
      }
    }
    if (!is_little) fail("was not written on a little-endian machine");
  }

  /// The bytes of all storages, which end the file.
  std::map<std::string, std::span<const std::uint8_t>> storages(const Pickle& keys, const TorchState& state) {
    std::map<std::string_view, const TorchStorage*> expected;
    for (const TorchStorage& storage : state.storages) expected.emplace(storage.key, &storage);
    const PickleValue& list = keys.at(keys.root);
    if (list.kind != PickleKind::list) fail("has " + describe(list) + " where the list of storages was expected");
    std::map<std::string, std::span<const std::uint8_t>> parts;
    for (const PickleRef ref : list.items) {
      const PickleValue& key = keys.at(ref);
      const auto storage = key.kind == PickleKind::text ? expected.find(key.text) : expected.end();
      if (storage == expected.end()) fail("lists storage " + describe(key) + ", which no tensor lies in");
      if (!parts.emplace(storage->first, next_storage(*storage->second)).second) {
        fail("lists storage " + describe(key) + " twice");
      }
    }
    for (const TorchStorage& storage : state.storages) {
      if (!parts.contains(storage.key)) fail("does not list storage " + printable(storage.key));
    }
    if (at_ != bytes_.size()) fail(std::to_string(bytes_.size() - at_) + " bytes behind the last storage");
    return parts;
  }

  std::span<const std::uint8_t> next_storage(const TorchStorage& storage) {
    const std::string name = "storage " + printable(storage.key);
    std::int64_t count = 0;
    if (bytes_.size() - at_ < sizeof(count)) fail(name + " lies beyond the file's end; is it cut short?");
    std::memcpy(&count, bytes_.data() + at_, sizeof(count));
    at_ += sizeof(count);
    if (std::cmp_not_equal(count, storage.count)) {
      fail(name + " has " + std::to_string(count) + " elements, but the pickle says " + std::to_string(storage.count));
    }
    if (storage.bytes() > bytes_.size() - at_) fail(name + " goes beyond the file's end; is it cut short?");
    at_ += storage.bytes();
    return bytes_.subspan(at_ - storage.bytes(), storage.bytes());
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<Archive> read_torch(std::vector<std::uint8_t> bytes, const std::string& source) {
  if (begins_with(bytes, kZipMark)) return read_torch_zip(std::move(bytes), source);
  if (begins_with(bytes, kLegacyMark)) return LegacyReader(bytes, source).read();
  throw Error(Exit::bad_data, source + ": neither of PyTorch's forms: no zip, and no magic number of torch.save");
}

}  // namespace karyon
