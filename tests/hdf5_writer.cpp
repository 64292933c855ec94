#include "tests/hdf5_writer.h"

#include <algorithm>
#include <cstring>

#include "kernels/check.h"

namespace karyon {

namespace {

/// A failure here is the test's own.
void require(bool is_done, const char* what) { KARYON_CHECK(is_done, what); }

Hdf5Id id_of(hid_t id, Hdf5Id::Close close) {
  require(id >= 0, "libhdf5 refused");
  return {id, close};
}

Hdf5Id new_file() {
  const Hdf5Id access = id_of(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  require(H5Pset_fapl_core(access.get(), 512, false) >= 0, "memory file");
  require(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG) >= 0, "close degree");
  const Hdf5Id creation = id_of(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  // Small nodes in the trees, and no space set aside: less to spoil byte by byte.
  require(H5Pset_sym_k(creation.get(), 2, 2) >= 0, "nodes of groups");
  require(H5Pset_istore_k(creation.get(), 2) >= 0, "nodes of chunks");
  require(H5Pset_meta_block_size(access.get(), 0) >= 0, "metadata");
  require(H5Pset_small_data_block_size(access.get(), 0) >= 0, "small data");
  static int number = 0;  // libhdf5 takes two images of one name for the same file
  const std::string name = "written image " + std::to_string(++number);
  return id_of(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
}

/// Link creation that makes the groups on the way.
Hdf5Id with_groups() {
  Hdf5Id links = id_of(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  require(H5Pset_create_intermediate_group(links.get(), 1) >= 0, "intermediate groups");
  return links;
}

Hdf5Id text_type(std::size_t size) {
  Hdf5Id type = id_of(H5Tcopy(H5T_C_S1), H5Tclose);
  require(H5Tset_size(type.get(), size) >= 0 && H5Tset_strpad(type.get(), H5T_STR_NULLPAD) >= 0, "text type");
  return type;
}

}  // namespace

Hdf5Writer::Hdf5Writer() : file_(new_file()) {}

void Hdf5Writer::dataset(const std::string& path, const std::vector<hsize_t>& shape, hid_t type, hid_t properties,
                         const void* values) {
  const Hdf5Id space = id_of(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  const Hdf5Id links = with_groups();
  const Hdf5Id id =
      id_of(H5Dcreate2(file(), path.c_str(), type, space.get(), links.get(), properties, H5P_DEFAULT), H5Dclose);
  if (values == nullptr) return;
  require(H5Dwrite(id.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, "values");
}

void Hdf5Writer::floats(const std::string& path, const std::vector<hsize_t>& shape, float first,
                        const Hdf5Storage& storage) {
  std::size_t count = 1;
  for (const hsize_t axis : shape) count *= axis;
  std::vector<float> values(std::max<std::size_t>(count, 1));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.5F * static_cast<float>(i);
  const Hdf5Id properties = id_of(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  require(H5Pset_obj_track_times(properties.get(), false) >= 0, "no times");
  if (!storage.chunk.empty()) {
    require(H5Pset_chunk(properties.get(), static_cast<int>(storage.chunk.size()), storage.chunk.data()) >= 0, "chunk");
  }
  if (storage.shuffle) require(H5Pset_shuffle(properties.get()) >= 0, "shuffle");
  if (storage.deflate) require(H5Pset_deflate(properties.get(), 6) >= 0, "deflate");
  dataset(path, shape, H5T_IEEE_F32LE, properties.get(), values.data());
}

void Hdf5Writer::group(const std::string& path) {
  const Hdf5Id links = with_groups();
  id_of(H5Gcreate2(file(), path.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
}

void Hdf5Writer::texts(const std::string& path, const std::string& attribute, const std::vector<std::string>& list,
                       TextForm form) {
  if (path != "/" && H5Lexists(file(), path.c_str(), H5P_DEFAULT) <= 0) group(path);
  const Hdf5Id owner = id_of(H5Gopen2(file(), path.c_str(), H5P_DEFAULT), H5Gclose);
  const hsize_t count = list.size();
  const Hdf5Id space = id_of(H5Screate_simple(1, &count, nullptr), H5Sclose);
  std::size_t longest = 1;
  for (const std::string& text : list) longest = std::max(longest, text.size());
  const Hdf5Id type = text_type(form == TextForm::fixed ? longest : H5T_VARIABLE);
  const Hdf5Id id =
      id_of(H5Acreate2(owner.get(), attribute.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (list.empty()) return;
  std::vector<char> padded(count * longest, '\0');
  std::vector<const char*> pointers;
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::memcpy(padded.data() + i * longest, list[i].data(), list[i].size());
    pointers.push_back(list[i].c_str());
  }
  const void* values = padded.data();
  if (form == TextForm::variable) values = pointers.data();
  require(H5Awrite(id.get(), type.get(), values) >= 0, "texts");
}

void Hdf5Writer::text(const std::string& path, const std::string& attribute, const std::string& text) {
  if (path != "/" && H5Lexists(file(), path.c_str(), H5P_DEFAULT) <= 0) group(path);
  const Hdf5Id owner = id_of(H5Gopen2(file(), path.c_str(), H5P_DEFAULT), H5Gclose);
  const Hdf5Id space = id_of(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Id type = text_type(H5T_VARIABLE);
  const Hdf5Id id =
      id_of(H5Acreate2(owner.get(), attribute.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const char* value = text.c_str();
  require(H5Awrite(id.get(), type.get(), static_cast<const void*>(&value)) >= 0, "text");
}

void Hdf5Writer::keras_layer(const std::string& group, const std::string& layer,
                             const std::vector<std::string>& variables, TextForm form) {
  std::vector<std::string> names;
  auto first = static_cast<float>(group.size() + layer.size());
  for (const std::string& variable : variables) {
    names.push_back(layer);
    names.back().append("/").append(variable).append(":0");
    floats(group + "/" + names.back(), {2}, first += 100, {});
  }
  texts(group, "weight_names", names, form);
}

std::vector<std::uint8_t> image_of(hid_t file) {
  require(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0, "flush");
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  require(size > 0, "size of the image");
  std::vector<std::uint8_t> image(static_cast<std::size_t>(size));
  require(H5Fget_file_image(file, image.data(), image.size()) == size, "image");
  return image;
}

std::size_t position_of(const std::vector<std::uint8_t>& file, const std::vector<std::uint8_t>& part) {
  return static_cast<std::size_t>(std::search(file.begin(), file.end(), part.begin(), part.end()) - file.begin());
}

std::vector<std::uint8_t> place_of(hid_t file, const std::string& path) {
  const Hdf5Id id = id_of(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
  std::vector<std::uint8_t> place = bytes_of_number<std::uint64_t>(H5Dget_offset(id.get()));
  const std::vector<std::uint8_t> size = bytes_of_number<std::uint64_t>(H5Dget_storage_size(id.get()));
  place.insert(place.end(), size.begin(), size.end());
  return place;
}

}  // namespace karyon
