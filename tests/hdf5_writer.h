// Writes small HDF5 files in memory, as Keras and h5py lay them out; what else libhdf5 can do is at hand by file().
// Invariant: equal calls give equal bytes; nothing is written to disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/hdf5_library.h"

namespace karyon {

/// How an attribute's text is stored: Keras up to version 2 wrote fixed lengths, later ones variable.
enum class TextForm : std::uint8_t { fixed, variable };

/// How a data set's values are stored. Chunked when `chunk` is not empty.
struct Hdf5Storage {
  std::vector<hsize_t> chunk = {};
  bool shuffle = false;
  bool deflate = false;
};

/// The bytes of a file that is open in memory.
std::vector<std::uint8_t> image_of(hid_t file);

class Hdf5Writer {
 public:
  Hdf5Writer();

  /// Makes the groups on the path too. The values count up from `first` in steps of 0.5.
  void floats(const std::string& path, const std::vector<hsize_t>& shape, float first, const Hdf5Storage& storage = {});
  /// A data set of any type and creation properties; values may be null for one that is never written.
  void dataset(const std::string& path, const std::vector<hsize_t>& shape, hid_t type, hid_t properties,
               const void* values);
  void group(const std::string& path);
  /// An attribute of the group at `path` ("/" is the root), which is made when it is not there.
  void texts(const std::string& path, const std::string& attribute, const std::vector<std::string>& list,
             TextForm form);
  void text(const std::string& path, const std::string& attribute, const std::string& text);
  /// One layer as Keras up to version 2 wrote it: GROUP/LAYER/VARIABLE:0 and GROUP's weight_names.
  void keras_layer(const std::string& group, const std::string& layer, const std::vector<std::string>& variables,
                   TextForm form);

  [[nodiscard]] hid_t file() const { return file_.get(); }
  /// The whole file as it is now.
  [[nodiscard]] std::vector<std::uint8_t> bytes() const { return image_of(file()); }

 private:
  Hdf5Id file_;
};

/// Where `part` first lies in `file`; its size when it is nowhere.
std::size_t position_of(const std::vector<std::uint8_t>& file, const std::vector<std::uint8_t>& part);

/// The bytes of a number, little-endian.
template <typename Number>
std::vector<std::uint8_t> bytes_of_number(Number number) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&number);
  return {begin, begin + sizeof(number)};
}

/// The address and size of a contiguous data set's values, as its header holds them (16 bytes).
std::vector<std::uint8_t> place_of(hid_t file, const std::string& path);

}  // namespace karyon
