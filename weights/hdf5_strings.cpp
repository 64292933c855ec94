// Invariant: libhdf5 hands over an attribute's own bytes only; text of variable length is looked up here. libhdf5 would
// allocate what the attribute claims (up to 4 GB a string) and copy what the heap claims, without comparing the two.
// Source: HDF5 File Format Specification, version 3.0, III.E (global heap) and IV.A.2.d (variable length).
#include "weights/hdf5_strings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::size_t kLargestAttribute = 65'536;
constexpr std::size_t kReferenceBytes = 16;  // length (4), address of a heap collection (8), index in it (4)
constexpr std::size_t kHeapHeaderBytes = 16;
constexpr std::size_t kHeapObjectBytes = 16;

template <typename Number>
Number number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  Number number{};
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

/// A conversion in libhdf5's sense that leaves every byte as it is: from text of variable length to 16 opaque bytes.
herr_t keep_reference(hid_t /*from*/, hid_t to, H5T_cdata_t* state, std::size_t /*elements*/, std::size_t /*stride*/,
                      std::size_t /*background_stride*/, void* /*values*/, void* /*background*/, hid_t /*transfer*/) {
  state->need_bkg = H5T_BKG_NO;
  return H5Tget_size(to) == kReferenceBytes ? 0 : -1;
}

/// The type to read such references as. The conversion is made known to libhdf5 once in a process.
Hdf5Id reference_type(const std::string& where) {
  Hdf5Id opaque = checked_hdf5(H5Tcreate(H5T_OPAQUE, kReferenceBytes), H5Tclose, where);
  static const bool kIsKnown = [&] {
    const Hdf5Id text(H5Tcopy(H5T_C_S1), H5Tclose);
    return H5Tset_size(text.get(), H5T_VARIABLE) >= 0 &&
           H5Tregister(H5T_PERS_SOFT, "text reference", text.get(), opaque.get(), keep_reference) >= 0;
  }();
  if (!kIsKnown) fail_hdf5(where);
  return opaque;
}

/// The global heap object number `index` of the collection at `address`.
std::span<const std::uint8_t> heap_object(std::span<const std::uint8_t> bytes, std::uint64_t address,
                                          std::uint32_t index, const std::string& where) {
  constexpr std::array<std::uint8_t, 5> signature{'G', 'C', 'O', 'L', 1};
  const auto fail = [&] { throw Error(Exit::bad_data, where + ": its text does not lie in a heap of the file"); };
  if (address > bytes.size() || bytes.size() - address < kHeapHeaderBytes) fail();
  const auto rest = bytes.subspan(address);
  const auto size = number_at<std::uint64_t>(rest, 8);
  if (!std::ranges::equal(rest.first(signature.size()), signature) || size > rest.size()) fail();
  // Every object takes at least its own 16 bytes, and ends within the collection; number 0 is the free rest.
  for (std::size_t at = kHeapHeaderBytes; at + kHeapObjectBytes <= size;) {
    const auto number = number_at<std::uint16_t>(rest, at);
    const auto length = number_at<std::uint64_t>(rest, at + 8);
    at += kHeapObjectBytes;
    if (number == 0 || length > size - at) break;
    if (number == index) return rest.subspan(at, length);
    at += (length + 7) / 8 * 8;
  }
  fail();
  return {};
}

/// Text ends at its first NUL, whichever way it is padded; padding with spaces is cut off too.
std::string text_of(std::span<const std::uint8_t> bytes, bool is_space_padded) {
  std::string text(bytes.begin(), std::ranges::find(bytes, std::uint8_t{0}));
  if (is_space_padded) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> fixed_texts(hid_t attribute, hid_t type, std::size_t count, std::size_t stored,
                                     const std::string& where) {
  const std::size_t length = H5Tget_size(type);
  if (length == 0 || length != stored / count || stored % count != 0) {
    throw Error(Exit::bad_data, where + ": " + std::to_string(count) + " texts of " + std::to_string(length) +
                                    " bytes, but " + std::to_string(stored) + " bytes are there");
  }
  std::vector<std::uint8_t> values(stored);
  if (H5Aread(attribute, type, values.data()) < 0) fail_hdf5(where + ": cannot be read");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(text_of(std::span(values).subspan(i * length, length), H5Tget_strpad(type) == H5T_STR_SPACEPAD));
  }
  return texts;
}

std::vector<std::string> variable_texts(hid_t attribute, std::size_t count, std::size_t stored,
                                        std::span<const std::uint8_t> bytes, const std::string& where) {
  if (stored != count * kReferenceBytes) {
    throw Error(Exit::bad_data, where + ": " + std::to_string(count) + " references to text in " +
                                    std::to_string(stored) + " bytes, expected 16 bytes each");
  }
  std::vector<std::uint8_t> references(stored);
  const Hdf5Id type = reference_type(where);
  if (H5Aread(attribute, type.get(), references.data()) < 0) fail_hdf5(where + ": cannot be read");
  std::vector<std::string> texts;
  std::size_t total = 0;
  for (std::size_t at = 0; at < stored; at += kReferenceBytes) {
    const auto length = number_at<std::uint32_t>(references, at);
    std::span<const std::uint8_t> text;
    if (length != 0) {
      text = heap_object(bytes, number_at<std::uint64_t>(references, at + 4),
                         number_at<std::uint32_t>(references, at + 12), where);
    }
    if (length > text.size()) {
      throw Error(Exit::bad_data, where + ": a text of " + std::to_string(length) + " bytes, but the heap has " +
                                      std::to_string(text.size()));
    }
    total += length;
    if (total > kLargestAttribute) throw Error(Exit::bad_data, where + ": more than 64 KB of text");
    texts.push_back(text_of(text.first(length), false));
  }
  return texts;
}

}  // namespace

std::optional<std::vector<std::string>> read_string_attribute(hid_t object, const std::string& attribute,
                                                              std::span<const std::uint8_t> bytes,
                                                              const std::string& where) {
  const htri_t exists = H5Aexists(object, attribute.c_str());
  if (exists < 0) fail_hdf5(where + ": cannot be looked up");
  if (exists == 0) return std::nullopt;
  const Hdf5Id id = checked_hdf5(H5Aopen(object, attribute.c_str(), H5P_DEFAULT), H5Aclose, where + ": broken");
  const Hdf5Id type = checked_hdf5(H5Aget_type(id.get()), H5Tclose, where + ": has no type");
  const Hdf5Id space = checked_hdf5(H5Aget_space(id.get()), H5Sclose, where + ": has no shape");
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (count < 0) fail_hdf5(where + ": has no shape");
  if (count == 0) return std::vector<std::string>{};  // Keras writes an empty list as numbers, none of them
  if (H5Tget_class(type.get()) != H5T_STRING) throw Error(Exit::bad_data, where + ": holds something else than text");
  const hsize_t stored = H5Aget_storage_size(id.get());
  if (stored > kLargestAttribute || static_cast<hsize_t>(count) > stored) {
    throw Error(Exit::bad_data, where + ": " + std::to_string(stored) + " bytes for " + std::to_string(count) +
                                    " texts, expected at most 64 KB and a byte each");
  }
  if (H5Tis_variable_str(type.get()) > 0) return variable_texts(id.get(), count, stored, bytes, where);
  return fixed_texts(id.get(), type.get(), count, stored, where);
}

}  // namespace karyon
