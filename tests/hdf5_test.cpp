// HDF5 as a file: what it is opened as, its links and groups; every rule has a file that breaks it.
#include "weights/hdf5.h"

#include <gtest/gtest.h>

#include "tests/hdf5_refusal.h"

namespace karyon {
namespace {

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
