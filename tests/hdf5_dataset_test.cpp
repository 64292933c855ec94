// Data sets: each layout comes back as written, and each rule has a file that breaks it.
#include "weights/hdf5_dataset.h"

#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/hdf5_refusal.h"

namespace karyon {
namespace {

/// Data set creation properties that a test sets by `set`.
template <typename Set>
Hdf5Id properties_with(Set set) {
  Hdf5Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  EXPECT_GE(set(properties.get()), 0);
  return properties;
}

TEST(Hdf5Dataset, ReadsEveryLayoutAndFilter) {
  Hdf5Writer writer;
  writer.floats("/a/plain", {2, 3}, 1);
  writer.floats("/a/chunked", {5, 3}, 2, {.chunk = {2, 2}});
  writer.floats("/deflated", {7}, 3, {.chunk = {4}, .deflate = true});
  writer.floats("/both", {3, 1, 2, 5}, 4, {.chunk = {2, 1, 2, 3}, .shuffle = true, .deflate = true});
  writer.floats("/scalar", {}, 5);
  writer.floats("/none", {3, 0}, 6);
  writer.floats("/no_chunk", {0, 3}, 6, {.chunk = {2, 2}});
  const Hdf5Id compact = properties_with([](hid_t id) { return H5Pset_layout(id, H5D_COMPACT); });
  const std::array<double, 2> doubles{1.5, -2.5};
  writer.dataset("/compact", {2}, H5T_IEEE_F64LE, compact.get(), doubles.data());
  const Bytes bytes = writer.bytes();
  const Hdf5File file(bytes, "f");

  EXPECT_EQ(file.groups(), (std::set<std::string>{"", "a"}));
  ASSERT_EQ(file.datasets().size(), 8U);
  EXPECT_EQ(file.datasets().at("both").shape, (std::vector<std::int64_t>{3, 1, 2, 5}));
  EXPECT_EQ(file.datasets().at("scalar").shape, std::vector<std::int64_t>{});
  EXPECT_EQ(file.datasets().at("compact").type, ArchiveType::f64);
  const auto counting = [](std::size_t count, float first) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = first + 0.5F * static_cast<float>(i);
    return values;
  };
  EXPECT_EQ(values_of(file, "a/plain"), counting(6, 1));
  EXPECT_EQ(values_of(file, "a/chunked"), counting(15, 2));
  EXPECT_EQ(values_of(file, "deflated"), counting(7, 3));
  EXPECT_EQ(values_of(file, "both"), counting(30, 4));
  EXPECT_EQ(values_of(file, "scalar"), counting(1, 5));
  EXPECT_TRUE(values_of(file, "none").empty());
  EXPECT_TRUE(values_of(file, "no_chunk").empty());
  Bytes expected(sizeof(doubles));
  std::memcpy(expected.data(), doubles.data(), sizeof(doubles));
  EXPECT_EQ(file.read("compact"), expected);
  expect_error(Exit::bad_data, R"(f: data set "/b": there is none)", [&] { static_cast<void>(file.read("b")); });
}

TEST(Hdf5Dataset, RefusesValuesInOtherFiles) {
  Hdf5Writer external;
  const Hdf5Id outside = properties_with([](hid_t id) { return H5Pset_external(id, "/etc/passwd", 0, 8); });
  external.dataset("/a", {2}, H5T_IEEE_F32LE, outside.get(), nullptr);
  expect_refused(external.bytes(), R"(data set "/a" keeps its values in other files)");

  Hdf5Writer virtual_one;
  const hsize_t two = 2;
  const Hdf5Id space(H5Screate_simple(1, &two, nullptr), H5Sclose);
  const Hdf5Id mapped =
      properties_with([&](hid_t id) { return H5Pset_virtual(id, space.get(), "/etc/passwd", "/a", space.get()); });
  virtual_one.dataset("/a", {2}, H5T_IEEE_F32LE, mapped.get(), nullptr);
  expect_refused(virtual_one.bytes(), R"(data set "/a" is virtual)");
}

TEST(Hdf5Dataset, RefusesOtherFilters) {
  const auto filter_case = [](auto set, const std::string& message) {
    Hdf5Writer writer;
    const Hdf5Id properties = properties_with([&](hid_t id) {
      const hsize_t chunk = 2;
      return H5Pset_chunk(id, 1, &chunk) < 0 ? -1 : set(id);
    });
    const std::array<float, 2> values{1, 2};
    writer.dataset("/a", {2}, H5T_IEEE_F32LE, properties.get(), values.data());
    expect_refused(writer.bytes(), message);
  };
  filter_case([](hid_t id) { return H5Pset_fletcher32(id); },
              R"(data set "/a" has the filter number 3, expected none)");
  filter_case([](hid_t id) { return H5Pset_nbit(id); }, "has the filter number 5");
  filter_case([](hid_t id) { return H5Pset_filter(id, 32'000, H5Z_FLAG_OPTIONAL, 0, nullptr); },
              "has the filter number 32000");
  filter_case([](hid_t id) { return H5Pset_deflate(id, 1) < 0 ? -1 : H5Pset_deflate(id, 1); },
              "other than one shuffle and then one deflate");
  filter_case([](hid_t id) { return H5Pset_deflate(id, 1) < 0 ? -1 : H5Pset_shuffle(id); },
              "other than one shuffle and then one deflate");
  filter_case([](hid_t id) { return H5Pset_shuffle(id) < 0 ? -1 : H5Pset_shuffle(id); },
              "other than one shuffle and then one deflate");
}

TEST(Hdf5Dataset, RefusesShapesBeyondTheLimits) {
  const auto shape_case = [](const std::vector<hsize_t>& shape, const std::string& message) {
    Hdf5Writer writer;
    writer.dataset("/a", shape, H5T_IEEE_F32LE, H5P_DEFAULT, nullptr);
    expect_refused(writer.bytes(), message);
  };
  shape_case({1, 1, 1, 1, 1}, "has 5 axes, expected at most 4");
  shape_case({hsize_t{1} << 27}, "more than 2^26 elements");
  shape_case({hsize_t{1} << 20, hsize_t{1} << 20}, "more than 2^26 elements");
  shape_case({0, hsize_t{1} << 27}, "more than 2^26 elements");

  Hdf5Writer null;
  const Hdf5Id space(H5Screate(H5S_NULL), H5Sclose);
  const Hdf5Id id(H5Dcreate2(null.file(), "/a", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                  H5Dclose);
  expect_refused(null.bytes(), "has no shape");
}

TEST(Hdf5Dataset, RefusesValuesNeverWritten) {
  Hdf5Writer writer;
  writer.dataset("/a", {2}, H5T_IEEE_F32LE, H5P_DEFAULT, nullptr);
  expect_refused(writer.bytes(), "never written");

  Hdf5Writer chunked;
  const Hdf5Id properties = properties_with([](hid_t id) {
    const hsize_t chunk = 2;
    return H5Pset_chunk(id, 1, &chunk);
  });
  chunked.dataset("/a", {2}, H5T_IEEE_F32LE, properties.get(), nullptr);
  expect_refused(chunked.bytes(), "never written");
}

TEST(Hdf5Dataset, RefusesASumBeyondTheLimit) {
  // 64 chunks of 4 MB of zeros, deflated: 256 MB out of a small file, and then one value more.
  Hdf5Writer writer;
  const Hdf5Id properties = properties_with([](hid_t id) {
    const hsize_t chunk = 1 << 20;
    return H5Pset_chunk(id, 1, &chunk) < 0 ? -1 : H5Pset_deflate(id, 9);
  });
  const std::vector<float> zeros(1 << 20);
  writer.dataset("/a", {1 << 20}, H5T_IEEE_F32LE, properties.get(), zeros.data());
  const Bytes one = writer.bytes();
  EXPECT_EQ(Hdf5File(one, "f").read("a").size(), zeros.size() * sizeof(float));
  writer.dataset("/b", {(1 << 26) - (1 << 20) + 1}, H5T_IEEE_F32LE, properties.get(), nullptr);
  expect_refused(writer.bytes(), "beyond 256 MB");
}

TEST(Hdf5Dataset, RefusesChunksBeyondTheLimits) {
  const auto chunk_case = [](hsize_t size, hsize_t chunk, const std::string& message) {
    Hdf5Writer writer;
    const Hdf5Id properties = properties_with([&](hid_t id) { return H5Pset_chunk(id, 1, &chunk); });
    writer.dataset("/a", {size}, H5T_IEEE_F32LE, properties.get(), nullptr);
    expect_refused(writer.bytes(), message);
  };
  chunk_case((1 << 24) + 1, (1 << 24) + 1, "has chunks of no or more than 64 MB");
  chunk_case(1025, 1, "more than 1024 chunks");
}

TEST(Hdf5Dataset, RefusesMorePiecesOfDataThanTheLimit) {
  Hdf5Writer writer;
  for (int i = 0; i < 16; ++i) writer.floats("/a" + std::to_string(i), {1024}, 1, {.chunk = {1}});
  writer.floats("/b", {1}, 1);
  expect_refused(writer.bytes(), R"(data set "/b" takes the file beyond 16,384 pieces of data)");
}

TEST(Hdf5Dataset, RefusesAChunkThatSkipsAFilter) {
  Hdf5Writer writer;
  const Hdf5Id properties = properties_with([](hid_t id) {
    const hsize_t chunk = 2;
    return H5Pset_chunk(id, 1, &chunk) < 0 ? -1 : H5Pset_deflate(id, 1);
  });
  writer.dataset("/a", {2}, H5T_IEEE_F32LE, properties.get(), nullptr);
  {
    const Hdf5Id id(H5Dopen2(writer.file(), "/a", H5P_DEFAULT), H5Dclose);
    const hsize_t corner = 0;
    const std::array<float, 2> values{1, 2};
    ASSERT_GE(H5Dwrite_chunk(id.get(), H5P_DEFAULT, 1, &corner, sizeof(values), values.data()), 0);
  }
  expect_refused(writer.bytes(), R"(data set "/a" has a chunk that skips a filter)");
}

TEST(Hdf5Dataset, RefusesACompactDatasetOfAnotherSize) {
  Hdf5Writer writer;
  const Hdf5Id compact = properties_with([](hid_t id) { return H5Pset_layout(id, H5D_COMPACT); });
  const std::array<float, 4> values{1, 2, 3, 4};
  writer.dataset("/a", {4}, H5T_IEEE_F32LE, compact.get(), values.data());
  // Version 3 of the layout message, class 0, size 16, and then the values.
  expect_refused(patched(writer.bytes(), {3, 0, 16, 0, 0, 0, 0x80, 0x3F}, {3, 0, 8, 0}), "data set \"/a\"");
}

TEST(Hdf5Dataset, RefusesAChunkThatInflatesToAnotherSize) {
  // The stream holds 4096 zeros; the header is then made to promise chunks half as large, and half as many values.
  Hdf5Writer writer;
  const Hdf5Id properties = properties_with([](hid_t id) {
    const hsize_t chunk = 4098;
    return H5Pset_chunk(id, 1, &chunk) < 0 ? -1 : H5Pset_deflate(id, 9);
  });
  const std::vector<float> zeros(4098);
  writer.dataset("/a", {4098}, H5T_IEEE_F32LE, properties.get(), zeros.data());
  Bytes file = writer.bytes();
  const Bytes whole = together(bytes_of_number<std::uint32_t>(4098), bytes_of_number<std::uint32_t>(4));
  expect_refused(patched(file, whole, bytes_of_number<std::uint32_t>(4097)), "does not inflate to the chunk's size");
  // A larger chunk is a shorter stream than promised.
  expect_refused(patched(file, whole, bytes_of_number<std::uint32_t>(4099)),
                 "has a chunk of 16392 bytes, expected 16396");

  const std::size_t stream = position_of(file, {0x78, 0xDA});
  ASSERT_LT(stream, file.size());
  file[stream + 5] ^= 0xFF;
  expect_refused(file, "does not inflate");
}

TEST(Hdf5Dataset, RefusesSharedBytes) {
  Hdf5Writer writer;
  writer.floats("/a", {4}, 1);
  writer.floats("/b", {4}, 9);
  const Bytes file = writer.bytes();
  EXPECT_EQ(values_of(Hdf5File(file, "f"), "b").front(), 9);
  const Bytes a = place_of(writer.file(), "/a");
  const Bytes b = place_of(writer.file(), "/b");
  expect_refused(patched(file, b, a), "shares bytes of the file with data set");
  Bytes shifted = a;
  shifted[0] += 4;
  expect_refused(patched(file, b, shifted), "shares bytes of the file with data set");
}

TEST(Hdf5Dataset, RefusesPlacesBeyondTheFile) {
  Hdf5Writer writer;
  writer.floats("/a", {4}, 1);
  const Bytes file = writer.bytes();
  const Bytes place = place_of(writer.file(), "/a");
  const Bytes size = bytes_of_number<std::uint64_t>(16);
  expect_refused(patched(file, place, together(bytes_of_number<std::uint64_t>(file.size() - 15), size)),
                 "beyond the end of the file");
  expect_refused(patched(file, place, bytes_of_number<std::uint64_t>(UINT64_MAX)), "never written");
  expect_refused(patched(file, place, together({place.begin(), place.begin() + 8}, bytes_of_number<std::uint64_t>(12))),
                 "has 12 bytes in the file, but its shape and type need 16");
}

TEST(Hdf5Dataset, ListsOtherTypesButDoesNotReadThem) {
  Hdf5Writer writer;
  const std::array<std::uint64_t, 2> values{1, 2};
  const auto add = [&](const std::string& path, hid_t type) {
    writer.dataset(path, {1}, type, H5P_DEFAULT, values.data());
  };
  add("/i64", H5T_STD_I64LE);
  add("/big_endian", H5T_IEEE_F32BE);
  const Hdf5Id half(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  ASSERT_GE(H5Tset_fields(half.get(), 15, 10, 5, 0, 10), 0);
  ASSERT_GE(H5Tset_size(half.get(), 2), 0);
  ASSERT_GE(H5Tset_ebias(half.get(), 15), 0);
  add("/f16", half.get());
  const Hdf5Id pair(H5Tcreate(H5T_COMPOUND, 8), H5Tclose);
  ASSERT_GE(H5Tinsert(pair.get(), "x", 0, H5T_IEEE_F32LE), 0);
  ASSERT_GE(H5Tinsert(pair.get(), "y", 4, H5T_IEEE_F32LE), 0);
  add("/compound", pair.get());
  const Bytes bytes = writer.bytes();
  const Hdf5File file(bytes, "f");
  for (const std::string path : {"i64", "big_endian", "f16", "compound"}) {
    EXPECT_EQ(file.datasets().at(path).type, std::nullopt) << path;
    expect_error(Exit::bad_data, "f: data set \"/" + path + "\" is of another type than float32 and float64",
                 [&] { static_cast<void>(file.read(path)); });
  }
}

}  // namespace
}  // namespace karyon
