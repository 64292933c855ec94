// Invariant: the layout is looked at before anything that could make libhdf5 open another file, and numbers of the file
// are bounded before they are multiplied.
#include "weights/hdf5_dataset.h"

#include <algorithm>
#include <array>

#include <zlib.h>

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

constexpr int kMostAxes = 4;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 26;
constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;    // of all data sets together
constexpr std::uint64_t kLargestChunk = std::uint64_t{64} << 20;  // in bytes, or elements where they are not read
constexpr std::uint64_t kMostExtents = 16'384;                    // data sets and chunks
constexpr std::uint64_t kMostChunks = 1024;  // of a data set: libhdf5 1.10 looks for each among all

/// Product of the axes, or nothing when it exceeds `limit`.
template <typename Axes>
std::optional<std::uint64_t> product(const Axes& axes, std::uint64_t limit) {
  std::uint64_t result = 1;
  for (const auto axis : axes) {
    if (__builtin_mul_overflow(result, static_cast<std::uint64_t>(axis), &result) || result > limit) return {};
  }
  return result;
}

std::uint64_t value_bytes(const Hdf5Dataset& dataset) {
  const ArchiveEntry entry{"", *dataset.type, dataset.shape};
  return static_cast<std::uint64_t>(entry.count()) * element_size(entry.type);
}

/// What deflate's stream expands to, without keeping it; nothing when the stream is broken or exceeds `limit`. libhdf5
/// itself would expand it without end.
std::optional<std::uint64_t> inflated_size(std::span<const std::uint8_t> stream, std::uint64_t limit) {
  z_stream state{};
  if (inflateInit(&state) != Z_OK) return {};
  state.next_in = const_cast<std::uint8_t*>(stream.data());
  state.avail_in = static_cast<uInt>(stream.size());
  std::array<std::uint8_t, 65'536> block{};
  int status = Z_OK;
  do {
    state.next_out = block.data();
    state.avail_out = static_cast<uInt>(block.size());
    status = inflate(&state, Z_NO_FLUSH);
  } while (status == Z_OK && state.total_out <= limit);
  const std::uint64_t size = state.total_out;
  inflateEnd(&state);
  if (status != Z_STREAM_END || size > limit) return {};
  return size;
}

bool is_little_endian_float(hid_t type, hid_t candidate) { return H5Tequal(type, candidate) > 0; }

}  // namespace

std::string Hdf5DatasetRules::where(const std::string& path) const {
  return source_ + ": data set " + printable("/" + path);
}

void Hdf5DatasetRules::fail(const std::string& path, const std::string& message) const {
  throw Error(Exit::bad_data, where(path) + " " + message);
}

Hdf5Dataset Hdf5DatasetRules::check(hid_t dataset, const std::string& path) {
  const Hdf5Id properties = checked_hdf5(H5Dget_create_plist(dataset), H5Pclose, where(path) + " is broken");
  const H5D_layout_t layout = H5Pget_layout(properties.get());
  if (layout == H5D_VIRTUAL) fail(path, "is virtual: its values lie in other files");
  if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED && layout != H5D_COMPACT) fail(path, "has an unknown layout");
  if (H5Pget_external_count(properties.get()) != 0) fail(path, "keeps its values in other files (external storage)");

  Hdf5Dataset result;
  const Hdf5Id space = checked_hdf5(H5Dget_space(dataset), H5Sclose, where(path) + " has no shape");
  const int axes = H5Sget_simple_extent_ndims(space.get());
  if (axes < 0 || H5Sget_simple_extent_type(space.get()) == H5S_NULL) fail(path, "has no shape");
  if (axes > kMostAxes) fail(path, "has " + std::to_string(axes) + " axes, expected at most 4");
  std::array<hsize_t, kMostAxes> extents{};
  if (H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr) != axes) fail(path, "has no shape");
  const std::span shape(extents.data(), static_cast<std::size_t>(axes));
  // Taken one by one too, so that a 0 among the axes hides nothing.
  const bool is_small = std::ranges::all_of(shape, [](hsize_t extent) { return extent <= kMostElements; });
  if (!is_small || !product(shape, kMostElements)) fail(path, "has more than 2^26 elements");
  result.shape.assign(shape.begin(), shape.end());

  const Hdf5Id type = checked_hdf5(H5Dget_type(dataset), H5Tclose, where(path) + " has no type");
  if (is_little_endian_float(type.get(), H5T_IEEE_F32LE)) result.type = ArchiveType::f32;
  if (is_little_endian_float(type.get(), H5T_IEEE_F64LE)) result.type = ArchiveType::f64;
  if (result.type) total_bytes_ += value_bytes(result);
  if (total_bytes_ > kMostBytes) fail(path, "takes the data sets' sum beyond 256 MB");

  static_cast<void>(filters_of(properties.get(), path));  // a filter is refused even where no layout uses it
  if (layout == H5D_CONTIGUOUS) check_contiguous(dataset, path, result);
  if (layout == H5D_COMPACT) check_compact(dataset, path, result);
  if (layout == H5D_CHUNKED) check_chunks(dataset, properties.get(), path, result);
  return result;
}

std::span<const std::uint8_t> Hdf5DatasetRules::take_extent(haddr_t address, std::uint64_t size,
                                                            const std::string& path) {
  if (address == HADDR_UNDEF || size == 0) {
    fail(path, "has no place in the file for some of its values (never written)");
  }
  if (address > bytes_.size() || size > bytes_.size() - address) {
    fail(path, "lies at " + std::to_string(size) + " bytes from " + std::to_string(address) +
                   " on, beyond the end of the file; is it cut short?");
  }
  if (extents_.size() >= kMostExtents) fail(path, "takes the file beyond 16,384 pieces of data");
  extents_.push_back({address, address + size, path});
  return bytes_.subspan(address, size);
}

void Hdf5DatasetRules::check_contiguous(hid_t dataset, const std::string& path, const Hdf5Dataset& result) {
  if (product(result.shape, kMostElements) == 0U) return;
  const std::uint64_t size = take_extent(H5Dget_offset(dataset), H5Dget_storage_size(dataset), path).size();
  if (result.type && size != value_bytes(result)) {
    fail(path, "has " + std::to_string(size) + " bytes in the file, but its shape and type need " +
                   std::to_string(value_bytes(result)));
  }
}

void Hdf5DatasetRules::check_compact(hid_t dataset, const std::string& path, const Hdf5Dataset& result) const {
  const std::uint64_t size = H5Dget_storage_size(dataset);
  if (result.type && size != value_bytes(result)) {
    fail(path, "has " + std::to_string(size) + " bytes in its header, but its shape and type need " +
                   std::to_string(value_bytes(result)));
  }
}

void Hdf5DatasetRules::check_chunks(hid_t dataset, hid_t properties, const std::string& path,
                                    const Hdf5Dataset& result) {
  const std::size_t axes = result.shape.size();
  std::array<hsize_t, kMostAxes> room{};
  if (H5Pget_chunk(properties, kMostAxes, room.data()) != static_cast<int>(axes)) fail(path, "has broken chunks");
  const std::span chunk(room.data(), axes);
  const std::uint64_t element = result.type ? element_size(*result.type) : 1;
  const std::optional<std::uint64_t> elements = product(chunk, kLargestChunk / element);
  if (elements.value_or(0) == 0) fail(path, "has chunks of no or more than 64 MB");

  std::array<std::uint64_t, kMostAxes> grid{};
  for (std::size_t axis = 0; axis < axes; ++axis) {
    grid[axis] = (static_cast<std::uint64_t>(result.shape[axis]) + chunk[axis] - 1) / chunk[axis];
  }
  const std::optional<std::uint64_t> chunks = product(std::span(grid.data(), axes), kMostChunks);
  if (!chunks) fail(path, "has more than 1024 chunks");

  const Filters filters = filters_of(properties, path);
  std::array<hsize_t, kMostAxes> corner{};
  for (std::uint64_t n = 0; n < *chunks; ++n) {
    check_chunk(dataset, corner.data(), *elements * element, filters, path, result);
    for (std::size_t axis = axes; axis-- > 0;) {  // the next corner, last axis first
      corner[axis] += chunk[axis];
      if (corner[axis] < static_cast<hsize_t>(result.shape[axis])) break;
      corner[axis] = 0;
    }
  }
}

void Hdf5DatasetRules::check_chunk(hid_t dataset, const hsize_t* corner, std::uint64_t chunk_bytes,
                                   const Filters& filters, const std::string& path, const Hdf5Dataset& result) {
  unsigned skipped = 0;
  haddr_t address = HADDR_UNDEF;
  hsize_t stored = 0;
  if (H5Dget_chunk_info_by_coord(dataset, corner, &skipped, &address, &stored) < 0) {
    fail_hdf5(where(path) + " has a broken list of chunks");
  }
  const std::span<const std::uint8_t> raw = take_extent(address, stored, path);
  if (!result.type) return;  // never read
  if (skipped != 0) fail(path, "has a chunk that skips a filter");
  const std::optional<std::uint64_t> size = filters.deflate ? inflated_size(raw, chunk_bytes) : raw.size();
  if (!size) fail(path, "has a chunk that does not inflate to the chunk's size");
  if (*size != chunk_bytes) {
    fail(path, "has a chunk of " + std::to_string(*size) + " bytes, expected " + std::to_string(chunk_bytes));
  }
}

Hdf5DatasetRules::Filters Hdf5DatasetRules::filters_of(hid_t properties, const std::string& path) const {
  const int number = H5Pget_nfilters(properties);
  if (number < 0) fail_hdf5(where(path) + " has broken filters");
  Filters filters;
  for (int i = 0; i < number; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    if (filter < 0) fail_hdf5(where(path) + " has broken filters");
    if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_DEFLATE) {
      fail(path, "has the filter number " + std::to_string(filter) + ", expected none but shuffle and deflate");
    }
    // Shuffle keeps the size and deflate comes last, so that one look at deflate's stream tells the size.
    const bool is_repeated = filter == H5Z_FILTER_SHUFFLE ? filters.shuffle : filters.deflate;
    if (is_repeated || filters.deflate) fail(path, "has filters other than one shuffle and then one deflate");
    (filter == H5Z_FILTER_SHUFFLE ? filters.shuffle : filters.deflate) = true;
  }
  return filters;
}

void Hdf5DatasetRules::check_overlaps() {
  std::ranges::sort(extents_, {}, &Extent::begin);
  for (std::size_t i = 1; i < extents_.size(); ++i) {
    if (extents_[i].begin < extents_[i - 1].end) {
      fail(extents_[i].path, "shares bytes of the file with data set " + printable("/" + extents_[i - 1].path));
    }
  }
}

}  // namespace karyon
