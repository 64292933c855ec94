// What a reading child sends through its pipe: a letter, a code, a short text, then perhaps an archive.
// Invariant: decode_answer takes nothing on trust: any bytes give an archive, the Error that the child had, or nullptr.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "kernels/check.h"
#include "weights/archive.h"

namespace karyon {

/// The archive as safetensors behind the name of its container. Error bad_data when its names cannot be sent.
std::vector<std::uint8_t> encode_answer(const Archive& archive, const std::string& source);
std::vector<std::uint8_t> encode_answer(const Error& error);

/// Throws the Error that was sent; nullptr when the bytes are no answer.
std::unique_ptr<Archive> decode_answer(std::span<const std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
