// What the tests of the HDF5 reader share: a file spoiled on purpose, and the refusal it must meet.
// Invariant: a refusal opens with the file's name.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/expect_error.h"
#include "tests/hdf5_writer.h"
#include "weights/hdf5.h"

namespace karyon {

using Bytes = std::vector<std::uint8_t>;

inline void expect_refused(const Bytes& bytes, const std::string& message) {
  const std::string text = error_of(Exit::bad_data, [&] { const Hdf5File file(bytes, "the-file"); });
  EXPECT_EQ(text.rfind("the-file: ", 0), 0U) << text;
  EXPECT_NE(text.find(message), std::string::npos) << "expected '" << message << "' in: " << text;
}

/// The file with the first `part` in it replaced.
inline Bytes patched(Bytes file, const Bytes& part, const Bytes& by) {
  const std::size_t at = position_of(file, part);
  EXPECT_LT(at, file.size()) << "nothing to replace";
  if (at < file.size()) std::memcpy(file.data() + at, by.data(), by.size());
  return file;
}

inline Bytes together(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

inline std::vector<float> values_of(const Hdf5File& file, const std::string& path) {
  const Bytes bytes = file.read(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace karyon
