// TFRecord, the container of TensorBoard's event files: for each record its length (64 bits), the masked CRC32C of
// these eight bytes, the data, and the masked CRC32C of the data; all numbers little-endian (TensorFlow,
// lib/io/record_writer.h).
// Invariant: what is read was written whole; reading ends before the first record that is torn or damaged.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace karyon {

/// CRC32C (Castagnoli; RFC 3720, appendix B.4) of fewer than 2^31 bytes.
std::uint32_t crc32c(std::string_view bytes);
/// As it stands in records: turned right by 15 bits plus 0xa282ead8, so that data that holds CRCs has a good CRC
/// itself.
std::uint32_t masked_crc32c(std::string_view bytes);

/// Appends the record of `data` to `file`.
void append_record(std::string& file, std::string_view data);

/// Calls `action` with the data of each record of the file, in order. A file that cannot be opened has none.
void for_each_record(const std::filesystem::path& file, const std::function<void(const std::string&)>& action);

}  // namespace karyon
