// Zips in memory, written by libzip.
// Invariant: equal input gives equal bytes.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <zip.h>

namespace karyon {

/// Files by name, stored in this order, or deflated where `is_packed`.
inline std::vector<std::uint8_t> zip_in_memory(const std::vector<std::pair<std::string, std::string>>& files,
                                               bool is_packed = false) {
  const auto check = [](bool good) {
    if (!good) throw std::runtime_error("libzip failed");
  };
  zip_source_t* archive = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  check(archive != nullptr);
  zip_source_keep(archive);
  zip_t* zip = zip_open_from_source(archive, ZIP_TRUNCATE, nullptr);
  check(zip != nullptr);
  for (const auto& [name, bytes] : files) {
    zip_source_t* source = zip_source_buffer(zip, bytes.data(), bytes.size(), 0);
    const auto at = static_cast<zip_uint64_t>(zip_file_add(zip, name.c_str(), source, ZIP_FL_ENC_UTF_8));
    check(zip_set_file_compression(zip, at, is_packed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) == 0);
    check(zip_file_set_dostime(zip, at, 0, 0x21, 0) == 0);  // the first day of 1980
  }
  check(zip_close(zip) == 0);
  zip_stat_t status;
  check(zip_source_open(archive) == 0 && zip_source_stat(archive, &status) == 0);
  std::vector<std::uint8_t> result(status.size);
  check(zip_source_read(archive, result.data(), result.size()) == static_cast<zip_int64_t>(result.size()));
  zip_source_close(archive);
  zip_source_free(archive);
  return result;
}

}  // namespace karyon
