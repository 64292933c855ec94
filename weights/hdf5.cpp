// Invariant: an object is opened only after its link is known to be a hard one, and entered only once.
#include "weights/hdf5.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "kernels/check.h"
#include "weights/hdf5_dataset.h"
#include "weights/hdf5_library.h"
#include "weights/hdf5_strings.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

constexpr std::size_t kMostObjects = 20'000;
constexpr std::size_t kMostLevels = 16;
constexpr std::size_t kLongestName = 1024;

Hdf5Id open_image(std::span<const std::uint8_t> bytes, const std::string& source) {
  constexpr std::array<std::uint8_t, 8> signature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
  if (bytes.size() < signature.size() || !std::ranges::equal(bytes.first(signature.size()), signature)) {
    throw Error(Exit::bad_data, source + ": not HDF5: the first bytes are not the format's signature");
  }
  if (bytes.size() > kLargestHdf5File) {
    throw Error(Exit::bad_data, source + ": " + std::to_string(bytes.size()) + " bytes, more than the 192 MB that " +
                                    "are read as HDF5");
  }
  H5PLset_loading_state(0);                     // no plug-ins, whatever HDF5_PLUGIN_PATH says
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // failures become an Error, not lines on the terminal
  const std::string message = source + ": cannot be opened as HDF5";
  const Hdf5Id access = checked_hdf5(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, message);
  // libhdf5 takes a pointer to bytes that it may change, and copies them.
  const bool is_set = H5Pset_fapl_core(access.get(), std::size_t{1} << 20, false) >= 0 &&
                      H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG) >= 0 &&
                      H5Pset_file_image(access.get(), const_cast<std::uint8_t*>(bytes.data()), bytes.size()) >= 0;
  if (!is_set) fail_hdf5(message);
  // libhdf5 takes two images of one name for the same file, and would return the one that is open already.
  static std::atomic<std::uint64_t> number{0};
  const std::string name = "karyon image " + std::to_string(++number);
  return checked_hdf5(H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose, message);
}

/// What later checks take for granted: addresses and lengths of 8 bytes. Addresses count from the file's first byte,
/// since the signature is there.
void check_addressing(hid_t file, const std::string& source) {
  const Hdf5Id creation = checked_hdf5(H5Fget_create_plist(file), H5Pclose, source + ": no creation properties");
  std::size_t address_size = 0;
  std::size_t length_size = 0;
  if (H5Pget_sizes(creation.get(), &address_size, &length_size) < 0) {
    fail_hdf5(source + ": broken creation properties");
  }
  if (address_size != 8 || length_size != 8) {
    throw Error(Exit::bad_data, source + ": addresses of " + std::to_string(address_size) + " bytes and lengths of " +
                                    std::to_string(length_size) + ", expected 8 and 8");
  }
}

struct Link {
  std::string name;
  H5L_type_t type = H5L_TYPE_ERROR;
};

/// Takes down one link of a group; a positive number ends the walk through the group, a negative one is a failure.
herr_t take_link(hid_t /*group*/, const char* name, const H5L_info_t* info, void* links) {
  auto& list = *static_cast<std::vector<Link>*>(links);
  try {
    list.push_back({name, info->type});
  } catch (const std::exception&) {  // none may pass through libhdf5
    return -1;
  }
  return list.size() > kMostObjects ? 1 : 0;
}

std::vector<Link> links_of(hid_t group, const std::string& where) {
  // The number is asked for first: libhdf5 makes room for as many links as a group claims.
  H5G_info_t info{};
  if (H5Gget_info(group, &info) < 0) fail_hdf5(where + ": broken group");
  std::vector<Link> links;
  if (info.nlinks <= kMostObjects) {
    const herr_t result = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, take_link, &links);
    if (result < 0) fail_hdf5(where + ": broken list of links");
  }
  if (info.nlinks > kMostObjects || links.size() > kMostObjects) {
    throw Error(Exit::bad_data, where + ": more than " + std::to_string(kMostObjects) + " objects");
  }
  return links;
}

void check_link(const Link& link, const std::string& where) {
  if (link.name.size() > kLongestName) {
    throw Error(Exit::bad_data, where + ": a name of more than " + std::to_string(kLongestName) + " characters");
  }
  if (link.type == H5L_TYPE_HARD) return;
  const std::string kind = link.type == H5L_TYPE_SOFT       ? "a soft link"
                           : link.type == H5L_TYPE_EXTERNAL ? "a link to another file"
                                                            : "a link of an unknown kind";
  throw Error(Exit::bad_data, where + " is " + kind + ", expected the object itself (a hard link)");
}

haddr_t address_of(hid_t object, const std::string& where) {
  H5O_info_t info{};
  if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) fail_hdf5(where + ": broken object");
  return info.addr;
}

}  // namespace

Hdf5File::Hdf5File(std::span<const std::uint8_t> bytes, std::string source)
    : bytes_(bytes), source_(std::move(source)), file_(std::make_unique<Hdf5Id>(open_image(bytes_, source_))) {
  check_addressing(file_->get(), source_);
  walk();
}

Hdf5File::~Hdf5File() = default;

void Hdf5File::walk() {
  struct Pending {
    std::string path;
    std::size_t level;
  };
  std::vector<Pending> pending{{"", 0}};
  std::map<haddr_t, std::string> seen;
  Hdf5DatasetRules rules(bytes_, source_);
  while (!pending.empty()) {
    const Pending group = std::move(pending.back());
    pending.pop_back();
    groups_.insert(group.path);
    const std::string where = source_ + ": group " + printable("/" + group.path);
    const Hdf5Id id =
        checked_hdf5(H5Gopen2(file_->get(), ("/" + group.path).c_str(), H5P_DEFAULT), H5Gclose, where + ": broken");
    if (group.level == 0) seen.emplace(address_of(id.get(), where), "");
    for (const Link& link : links_of(id.get(), where)) {
      const std::string path = group.path.empty() ? link.name : group.path + "/" + link.name;
      const std::string name = source_ + ": " + printable("/" + path);
      check_link(link, name);
      const Hdf5Id object =
          checked_hdf5(H5Oopen(id.get(), link.name.c_str(), H5P_DEFAULT), H5Oclose, name + ": broken");
      const auto [first, is_new] = seen.emplace(address_of(object.get(), name), path);
      if (!is_new) {
        throw Error(Exit::bad_data, name + " is the same object as " + printable("/" + first->second) +
                                        "; a weight file has each under one name");
      }
      if (seen.size() > kMostObjects) {
        throw Error(Exit::bad_data, source_ + ": more than " + std::to_string(kMostObjects) + " objects");
      }
      const H5I_type_t kind = H5Iget_type(object.get());
      if (kind == H5I_DATASET) {
        datasets_.emplace(path, rules.check(object.get(), path));
      } else if (kind != H5I_GROUP) {
        throw Error(Exit::bad_data, name + " is neither a group nor a data set");
      } else if (group.level + 1 > kMostLevels) {
        throw Error(Exit::bad_data, name + ": groups nested more than " + std::to_string(kMostLevels) + " deep");
      } else {
        pending.push_back({path, group.level + 1});
      }
    }
  }
  rules.check_overlaps();
}

std::vector<std::uint8_t> Hdf5File::read(const std::string& path) const {
  const std::string where = source_ + ": data set " + printable("/" + path);
  const auto found = datasets_.find(path);
  if (found == datasets_.end()) throw Error(Exit::bad_data, where + ": there is none");
  const Hdf5Dataset& dataset = found->second;
  if (!dataset.type) {
    throw Error(Exit::bad_data, where + " is of another type than float32 and float64 (little-endian)");
  }
  const ArchiveEntry entry{path, *dataset.type, dataset.shape};
  std::vector<std::uint8_t> values(static_cast<std::size_t>(entry.count()) * element_size(entry.type));
  if (values.empty()) return values;
  const Hdf5Id id = checked_hdf5(H5Dopen2(file_->get(), ("/" + path).c_str(), H5P_DEFAULT), H5Dclose, where);
  const hid_t type = entry.type == ArchiveType::f32 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
  if (H5Dread(id.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    fail_hdf5(where + ": its values cannot be read");
  }
  return values;
}

std::optional<std::vector<std::string>> Hdf5File::strings(const std::string& group,
                                                          const std::string& attribute) const {
  const std::string where = source_ + ": attribute " + printable(attribute) + " of group " + printable("/" + group);
  if (!groups_.contains(group)) throw Error(Exit::bad_data, where + ": there is no such group");
  const Hdf5Id id = checked_hdf5(H5Gopen2(file_->get(), ("/" + group).c_str(), H5P_DEFAULT), H5Gclose, where);
  return read_string_attribute(id.get(), attribute, bytes_, where);
}

}  // namespace karyon
