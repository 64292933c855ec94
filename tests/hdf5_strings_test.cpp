// Text in attributes: both forms come back as written, and each rule has a file that breaks it.
#include "weights/hdf5_strings.h"

#include <array>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/hdf5_refusal.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

using Texts = std::vector<std::string>;

TEST(Hdf5Strings, ReadsTextOfBothForms) {
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

TEST(Hdf5Strings, SpacePaddingIsNoPartOfAText) {
  Hdf5Writer writer;
  const Hdf5Id space(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Id type(H5Tcopy(H5T_FORTRAN_S1), H5Tclose);
  ASSERT_GE(H5Tset_size(type.get(), 6), 0);
  const Hdf5Id id(H5Acreate2(writer.file(), "a", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  ASSERT_GE(H5Awrite(id.get(), type.get(), "a b   "), 0);
  const Bytes bytes = writer.bytes();
  EXPECT_EQ(Hdf5File(bytes, "f").strings("", "a"), Texts{"a b"});
}

TEST(Hdf5Strings, RefusesAttributesBeyondTheLimits) {
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

TEST(Hdf5Strings, RefusesAnAttributeOfMoreThan64Kb) {
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

TEST(Hdf5Strings, RefusesTextThatIsNotInTheHeap) {
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
    expect_error(Exit::bad_data, R"(f: attribute "a" of group "/": )" + message,
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

}  // namespace
}  // namespace karyon
