// What the tests of pictures and data sets build their worlds from.
// Invariant: what is made here is the same on every machine, and small.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zip.h>

#include "apps/images/picture.h"
#include "apps/images/png.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"

namespace karyon {

using Bytes = std::vector<std::uint8_t>;

/// Writes a file and the folders above it.
inline std::filesystem::path put(const std::filesystem::path& file, const Bytes& bytes) {
  std::filesystem::create_directories(file.parent_path());
  write_file(file, bytes);
  return file;
}

/// body must throw an Error of this code whose text holds all of these parts.
template <typename Body>
void expect_error_with(Exit code, const std::vector<std::string>& parts, Body&& body) {
  const std::string message = error_of(code, body);
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << "expected '" << part << "' in: " << message;
  }
}

inline Bytes to_bytes(const std::string& text) { return {text.begin(), text.end()}; }

inline Picture plain_picture(int width, int height, int channels, std::uint8_t value) {
  Picture picture(width, height, channels);
  picture.pixels.assign(picture.pixels.size(), value);
  return picture;
}

/// A PNG of one value; 3 channels for images, 1 for masks.
inline Bytes plain_png(int width, int height, int channels, std::uint8_t value) {
  return encode_png(plain_picture(width, height, channels, value));
}

struct ZipEntry {
  std::string name;  // a folder where it ends in '/'
  Bytes bytes;
  std::uint32_t unix_mode = 0;
  bool is_encrypted = false;
};

inline std::filesystem::path make_zip(const std::filesystem::path& path, const std::vector<ZipEntry>& entries) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (archive == nullptr) throw std::runtime_error("zip_open");
  for (const ZipEntry& entry : entries) {
    zip_int64_t index = -1;
    if (entry.name.ends_with('/')) {
      index = zip_dir_add(archive, entry.name.c_str(), ZIP_FL_ENC_GUESS);
    } else {
      zip_source_t* source = zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0);
      index = zip_file_add(archive, entry.name.c_str(), source, ZIP_FL_ENC_GUESS);
    }
    if (index < 0) throw std::runtime_error(zip_strerror(archive));
    const auto at = static_cast<zip_uint64_t>(index);
    if (entry.unix_mode != 0) {
      zip_file_set_external_attributes(archive, at, 0, ZIP_OPSYS_UNIX, entry.unix_mode << 16U);
    }
    if (entry.is_encrypted && zip_file_set_encryption(archive, at, ZIP_EM_AES_256, "secret") != 0) {
      throw std::runtime_error(zip_strerror(archive));
    }
  }
  if (zip_close(archive) != 0) throw std::runtime_error(zip_strerror(archive));
  return path;
}

}  // namespace karyon
