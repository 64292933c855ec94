#include "weights/loaded_archive.h"

#include <set>

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {

LoadedArchive::LoadedArchive(std::string container, std::string source, std::vector<LoadedTensor> tensors,
                             std::map<std::string, std::string> metadata)
    : container_(std::move(container)), source_(std::move(source)), metadata_(std::move(metadata)) {
  std::set<std::string> names;
  for (LoadedTensor& tensor : tensors) {
    if (!names.insert(tensor.entry.name).second) {
      throw Error(Exit::bad_data, source_ + ": tensor " + printable(tensor.entry.name) + " appears twice");
    }
    KARYON_CHECK(
        tensor.bytes.size() == static_cast<std::size_t>(tensor.entry.count()) * element_size(tensor.entry.type),
        "size of tensor " + tensor.entry.name);
    entries_.push_back(std::move(tensor.entry));
    bytes_.push_back(std::move(tensor.bytes));
  }
}

std::vector<std::uint8_t> LoadedArchive::read(const std::string& name) const {
  const ArchiveEntry* entry = find(name);
  if (entry == nullptr) throw Error(Exit::bad_data, source_ + ": there is no tensor " + printable(name));
  return bytes_[static_cast<std::size_t>(entry - entries_.data())];
}

}  // namespace karyon
