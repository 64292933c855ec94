// HDF5: what is read comes back as written, and every rule has a file that breaks it and the message it must give.
#include "weights/hdf5.h"

#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/hdf5_writer.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Texts = std::vector<std::string>;

void expect_refused(const Bytes& bytes, const std::string& message) {
  const std::string text = error_of(Exit::bad_data, [&] { const Hdf5File file(bytes, "the-file"); });
  EXPECT_EQ(text.rfind("the-file: ", 0), 0U) << text;
  EXPECT_NE(text.find(message), std::string::npos) << "expected '" << message << "' in: " << text;
}

/// The file with `part`, which it must hold once, replaced.
Bytes patched(Bytes file, const Bytes& part, const Bytes& by) {
  const std::size_t at = position_of(file, part);
  EXPECT_LT(at, file.size()) << "nothing to replace";
  std::memcpy(file.data() + at, by.data(), by.size());
  return file;
}

Bytes together(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// Data set creation properties that a test sets by `set`.
template <typename Set>
Hdf5Id properties_with(Set set) {
  Hdf5Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  EXPECT_GE(set(properties.get()), 0);
  return properties;
}

std::vector<float> values_of(const Hdf5File& file, const std::string& path) {
  const Bytes bytes = file.read(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(Hdf5, ReadsEveryLayoutAndFilter) {
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

TEST(Hdf5, TwoFilesAreOpenAtOnce) {
  Hdf5Writer first;
  first.floats("/a", {1}, 1);
  Hdf5Writer second;
  second.floats("/a", {1}, 2);
  const Bytes first_bytes = first.bytes();
  const Bytes second_bytes = second.bytes();
  const Hdf5File one(first_bytes, "one");
  const Hdf5File two(second_bytes, "two");
  EXPECT_EQ(values_of(one, "a"), std::vector<float>{1});
  EXPECT_EQ(values_of(two, "a"), std::vector<float>{2});
}

TEST(Hdf5, ReadsTextOfBothForms) {
  Hdf5Writer writer;
  writer.texts("/", "fixed", {"one", "", "three"}, TextForm::fixed);
  writer.texts("/g", "variable", {"one", "", "th\xc3\xa9"}, TextForm::variable);
  writer.text("/g", "single", "text");
  writer.texts("/g", "empty", {}, TextForm::variable);
  const Bytes bytes = writer.bytes();
  const Hdf5File file(bytes, "f");
  EXPECT_EQ(file.strings("", "fixed"), (Texts{"one", "", "three"}));
  EXPECT_EQ(file.strings("g", "variable"), (Texts{"one", "", "th\xc3\xa9"}));
  EXPECT_EQ(file.strings("g", "single"), Texts{"text"});
  EXPECT_EQ(file.strings("g", "empty"), Texts{});
  EXPECT_EQ(file.strings("g", "absent"), std::nullopt);
  expect_error(Exit::bad_data, R"(f: attribute "a" of group "/h": there is no such group)",
               [&] { static_cast<void>(file.strings("h", "a")); });
}

TEST(Hdf5, SpacePaddingIsNoPartOfAText) {
  Hdf5Writer writer;
  const Hdf5Id space(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Id type(H5Tcopy(H5T_FORTRAN_S1), H5Tclose);
  ASSERT_GE(H5Tset_size(type.get(), 6), 0);
  const Hdf5Id id(H5Acreate2(writer.file(), "a", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  ASSERT_GE(H5Awrite(id.get(), type.get(), "a b   "), 0);
  const Bytes bytes = writer.bytes();
  EXPECT_EQ(Hdf5File(bytes, "f").strings("", "a"), Texts{"a b"});
}

TEST(Hdf5, RefusesWhatIsNotHdf5) {
  expect_refused({}, "not HDF5");
  expect_refused(Bytes(100, 'x'), "not HDF5");
  expect_refused(Bytes{0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'}, "cannot be opened as HDF5");
}

TEST(Hdf5, RefusesAFileBeyondTheLimit) {
  Bytes large = Hdf5Writer().bytes();
  large.resize(kLargestHdf5File + 1);
  expect_refused(large, "201326593 bytes, more than the 192 MB that are read as HDF5");
}

TEST(Hdf5, RefusesAFileCutShort) {
  Hdf5Writer writer;
  writer.floats("/a", {64}, 1);
  Bytes bytes = writer.bytes();
  bytes.pop_back();
  expect_refused(bytes, "truncated file");
}

TEST(Hdf5, RefusesLinksThatAreNotTheObject) {
  const auto link_case = [](auto add, const std::string& message) {
    Hdf5Writer writer;
    writer.floats("/g/real", {2}, 1);
    ASSERT_GE(add(writer.file()), 0);
    expect_refused(writer.bytes(), message);
  };
  link_case([](hid_t file) { return H5Lcreate_soft("/g/real", file, "/g/alias", H5P_DEFAULT, H5P_DEFAULT); },
            R"("/g/alias" is a soft link)");
  link_case([](hid_t file) { return H5Lcreate_soft("/nowhere", file, "/alias", H5P_DEFAULT, H5P_DEFAULT); },
            R"("/alias" is a soft link)");
  link_case([](hid_t file) { return H5Lcreate_external("/etc/passwd", "/", file, "/out", H5P_DEFAULT, H5P_DEFAULT); },
            R"("/out" is a link to another file)");
  link_case([](hid_t file) { return H5Lcreate_hard(file, "/g/real", file, "/again", H5P_DEFAULT, H5P_DEFAULT); },
            "is the same object as");
  link_case([](hid_t file) { return H5Lcreate_hard(file, "/g", file, "/g/up", H5P_DEFAULT, H5P_DEFAULT); },
            R"("/g/up" is the same object as "/g")");
  link_case([](hid_t file) { return H5Lcreate_hard(file, "/", file, "/g/root", H5P_DEFAULT, H5P_DEFAULT); },
            R"("/g/root" is the same object as "/")");
}

TEST(Hdf5, RefusesALinkOfAUsersKind) {
  H5L_class_t kind{};
  kind.version = H5L_LINK_CLASS_T_VERS;
  kind.id = static_cast<H5L_type_t>(200);
  kind.trav_func = [](const char*, hid_t, const void*, std::size_t, hid_t, hid_t) { return hid_t{-1}; };
  ASSERT_GE(H5Lregister(&kind), 0);
  Hdf5Writer writer;
  ASSERT_GE(H5Lcreate_ud(writer.file(), "odd", kind.id, nullptr, 0, H5P_DEFAULT, H5P_DEFAULT), 0);
  expect_refused(writer.bytes(), R"("/odd" is a link of an unknown kind)");
  ASSERT_GE(H5Lunregister(kind.id), 0);
}

TEST(Hdf5, RefusesWhatIsNoGroupOrDataset) {
  Hdf5Writer writer;
  const Hdf5Id type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  ASSERT_GE(H5Tcommit2(writer.file(), "type", type.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), 0);
  expect_refused(writer.bytes(), R"("/type" is neither a group nor a data set)");
}

TEST(Hdf5, RefusesTooDeepTooManyAndTooLong) {
  const auto nested = [](int levels) {
    std::string path;
    for (int level = 0; level < levels; ++level) path += "/g";
    Hdf5Writer writer;
    writer.group(path);
    return writer.bytes();
  };
  const Bytes deep = nested(16);
  EXPECT_EQ(Hdf5File(deep, "f").groups().size(), 17U);
  expect_refused(nested(17), "groups nested more than 16 deep");

  Hdf5Writer many;
  const Hdf5Id group(H5Gcreate2(many.file(), "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  for (int i = 0; i < 20'001; ++i) {
    H5Lcreate_hard(many.file(), "/g", group.get(), std::to_string(i).c_str(), H5P_DEFAULT, H5P_DEFAULT);
  }
  expect_refused(many.bytes(), R"(group "/g": more than 20000 objects)");

  Hdf5Writer named;
  named.group("/" + std::string(1025, 'n'));
  expect_refused(named.bytes(), "a name of more than 1024 characters");
}

TEST(Hdf5, RefusesManyObjectsInManyGroups) {
  Hdf5Writer writer;
  for (int i = 0; i < 210; ++i) {
    for (int j = 0; j < 100; ++j) writer.group("/" + std::to_string(i) + "/" + std::to_string(j));
  }
  expect_refused(writer.bytes(), "more than 20000 objects");
}

TEST(Hdf5, RefusesValuesInOtherFiles) {
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

TEST(Hdf5, RefusesOtherFilters) {
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

TEST(Hdf5, RefusesShapesBeyondTheLimits) {
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

TEST(Hdf5, RefusesValuesNeverWritten) {
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

TEST(Hdf5, RefusesASumBeyondTheLimit) {
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

TEST(Hdf5, RefusesChunksBeyondTheLimits) {
  const auto chunk_case = [](hsize_t size, hsize_t chunk, const std::string& message) {
    Hdf5Writer writer;
    const Hdf5Id properties = properties_with([&](hid_t id) { return H5Pset_chunk(id, 1, &chunk); });
    writer.dataset("/a", {size}, H5T_IEEE_F32LE, properties.get(), nullptr);
    expect_refused(writer.bytes(), message);
  };
  chunk_case((1 << 24) + 1, (1 << 24) + 1, "has chunks of no or more than 64 MB");
  chunk_case(1025, 1, "more than 1024 chunks");
}

TEST(Hdf5, RefusesMorePiecesOfDataThanTheLimit) {
  Hdf5Writer writer;
  for (int i = 0; i < 16; ++i) writer.floats("/a" + std::to_string(i), {1024}, 1, {.chunk = {1}});
  writer.floats("/b", {1}, 1);
  expect_refused(writer.bytes(), R"(data set "/b" takes the file beyond 16,384 pieces of data)");
}

TEST(Hdf5, RefusesAChunkThatSkipsAFilter) {
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

TEST(Hdf5, RefusesACompactDatasetOfAnotherSize) {
  Hdf5Writer writer;
  const Hdf5Id compact = properties_with([](hid_t id) { return H5Pset_layout(id, H5D_COMPACT); });
  const std::array<float, 4> values{1, 2, 3, 4};
  writer.dataset("/a", {4}, H5T_IEEE_F32LE, compact.get(), values.data());
  // Version 3 of the layout message, class 0, size 16, and then the values.
  expect_refused(patched(writer.bytes(), {3, 0, 16, 0, 0, 0, 0x80, 0x3F}, {3, 0, 8, 0}), "data set \"/a\"");
}

TEST(Hdf5, RefusesAChunkThatInflatesToAnotherSize) {
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

TEST(Hdf5, RefusesSharedBytes) {
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

TEST(Hdf5, RefusesPlacesBeyondTheFile) {
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

TEST(Hdf5, ListsOtherTypesButDoesNotReadThem) {
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

TEST(Hdf5, RefusesAttributesBeyondTheLimits) {
  Hdf5Writer writer;
  const Texts shared(3, std::string(30'000, 'x'));
  writer.texts("/", "variable", shared, TextForm::variable);
  const hsize_t two = 2;
  const Hdf5Id space(H5Screate_simple(1, &two, nullptr), H5Sclose);
  const std::array<float, 2> numbers{1, 2};
  const Hdf5Id id(H5Acreate2(writer.file(), "numbers", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                  H5Aclose);
  ASSERT_GE(H5Awrite(id.get(), H5T_IEEE_F32LE, numbers.data()), 0);
  const Bytes bytes = writer.bytes();
  const Hdf5File file(bytes, "f");
  expect_error(Exit::bad_data, R"(f: attribute "variable" of group "/": more than 64 KB of text)",
               [&] { static_cast<void>(file.strings("", "variable")); });
  expect_error(Exit::bad_data, "holds something else than text",
               [&] { static_cast<void>(file.strings("", "numbers")); });
}

TEST(Hdf5, RefusesAnAttributeOfMoreThan64Kb) {
  // Only the later file format has room for one; libhdf5 1.10 spoils an image of it in memory.
  const TempDir dir;
  const std::string path = (dir / "later.h5").string();
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  ASSERT_GE(H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), 0);
  const Hdf5Id type(H5Tcopy(H5T_C_S1), H5Tclose);
  ASSERT_GE(H5Tset_size(type.get(), 70'000), 0);
  const Hdf5Id space(H5Screate(H5S_SCALAR), H5Sclose);
  {
    const Hdf5Id later(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
    const Hdf5Id id(H5Acreate2(later.get(), "long", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    const std::string text(70'000, 'x');
    ASSERT_GE(H5Awrite(id.get(), type.get(), text.data()), 0);
  }
  const Bytes bytes = read_file(path);
  const Hdf5File file(bytes, "f");
  expect_error(Exit::bad_data, "70000 bytes for 1 texts, expected at most 64 KB",
               [&] { static_cast<void>(file.strings("", "long")); });
}

TEST(Hdf5, RefusesTextThatIsNotInTheHeap) {
  Hdf5Writer writer;
  writer.texts("/", "a", {"abcdefgh"}, TextForm::variable);
  const Bytes file = writer.bytes();
  const std::size_t heap = position_of(file, {'G', 'C', 'O', 'L', 1});
  ASSERT_LT(heap, file.size());
  const Bytes address = bytes_of_number<std::uint64_t>(heap);
  const Bytes reference =
      together(together(bytes_of_number<std::uint32_t>(8), address), bytes_of_number<std::uint32_t>(1));
  const auto expect_spoiled = [&](const Bytes& spoiled, const std::string& message) {
    const Hdf5File opened(spoiled, "f");
    expect_error(Exit::bad_data, "f: attribute \"a\" of group \"/\": " + message,
                 [&] { static_cast<void>(opened.strings("", "a")); });
  };
  const auto with = [&](std::uint32_t length, std::uint64_t at, std::uint32_t index) {
    return patched(file, reference,
                   together(together(bytes_of_number(length), bytes_of_number(at)), bytes_of_number(index)));
  };
  // What libhdf5 itself would allocate 4 GB for, or copy past its buffer.
  expect_spoiled(with(UINT32_MAX, heap, 1), "a text of 4294967295 bytes, but the heap has 8");
  EXPECT_EQ(Hdf5File(with(3, heap, 1), "f").groups().size(), 1U);
  expect_spoiled(with(8, heap, 2), "its text does not lie in a heap of the file");
  expect_spoiled(with(8, heap + 8, 1), "its text does not lie in a heap of the file");
  expect_spoiled(with(8, file.size() - 15, 1), "its text does not lie in a heap of the file");
  expect_spoiled(with(8, UINT64_MAX, 1), "its text does not lie in a heap of the file");
  Bytes large = file;
  large[heap + 24] = 0xFF;  // the object's length, now beyond the collection
  large[heap + 25] = 0xFF;
  expect_spoiled(large, "its text does not lie in a heap of the file");
  large[heap + 12] = 0xFF;  // the collection's own, now beyond the file
  expect_spoiled(large, "its text does not lie in a heap of the file");
}

TEST(Hdf5, RefusesOtherAddressing) {
  const Hdf5Id creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  ASSERT_GE(H5Pset_sizes(creation.get(), 4, 8), 0);
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  ASSERT_GE(H5Pset_fapl_core(access.get(), 4096, false), 0);
  const Hdf5Id file(H5Fcreate("short addresses", H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
  expect_refused(image_of(file.get()), "addresses of 4 bytes and lengths of 8, expected 8 and 8");

  Bytes behind_user_block(512);
  const Bytes whole = Hdf5Writer().bytes();
  behind_user_block.insert(behind_user_block.end(), whole.begin(), whole.end());
  expect_refused(behind_user_block, "not HDF5");
}

}  // namespace
}  // namespace karyon
