#include "weights/child_answer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "weights/loaded_archive.h"
#include "weights/safetensors.h"

namespace karyon {

namespace {

constexpr std::uint32_t kLongestText = 1 << 14;

struct Head {
  char kind = 0;  // 'A' an archive, its text the container's name; 'E' an error, its text the message
  std::uint8_t code = 0;
  std::array<std::uint8_t, 2> unused{};
  std::uint32_t text_length = 0;
};
static_assert(sizeof(Head) == 8);

std::vector<std::uint8_t> with_head(char kind, Exit code, std::string_view text) {
  text = text.substr(0, kLongestText);
  const Head head{kind, static_cast<std::uint8_t>(code), {}, static_cast<std::uint32_t>(text.size())};
  std::vector<std::uint8_t> bytes(sizeof(Head) + text.size());
  std::memcpy(bytes.data(), &head, sizeof(Head));
  std::ranges::copy(text, bytes.begin() + sizeof(Head));
  return bytes;
}

/// Fit for a terminal: a broken child may have sent anything.
std::string harmless(std::span<const std::uint8_t> text) {
  std::string result(text.begin(), text.end());
  std::ranges::replace_if(
      result, [](char letter) { return static_cast<unsigned char>(letter) < ' ' || letter == '\x7F'; }, '?');
  return result;
}

/// What a reader may fail with; a broken child does not choose the program's exit status freely.
Exit accepted_code(std::uint8_t code) {
  for (const Exit known : {Exit::no_input, Exit::internal, Exit::io}) {
    if (code == static_cast<std::uint8_t>(known)) return known;
  }
  return Exit::bad_data;
}

}  // namespace

std::vector<std::uint8_t> encode_answer(const Archive& archive, const std::string& source) {
  std::vector<std::vector<std::uint8_t>> bytes;
  std::vector<SafetensorsTensor> tensors;
  for (const ArchiveEntry& entry : archive.entries()) {
    bytes.push_back(archive.read(entry.name));
    tensors.push_back({entry.name, entry.type, entry.shape, bytes.back()});
  }
  std::vector<std::uint8_t> answer = with_head('A', Exit::done, archive.container());
  try {
    const std::vector<std::uint8_t> file = encode_safetensors(tensors, archive.metadata());
    answer.insert(answer.end(), file.begin(), file.end());
  } catch (const Error& error) {  // names out of the file that are not UTF-8, or "__metadata__"
    throw Error(Exit::bad_data, source + ": its names or metadata are no text: " + error.what());
  }
  return answer;
}

std::vector<std::uint8_t> encode_answer(const Error& error) { return with_head('E', error.code(), error.what()); }

std::unique_ptr<Archive> decode_answer(std::span<const std::uint8_t> bytes, const std::string& source) {
  Head head;
  if (bytes.size() < sizeof(Head)) return nullptr;
  std::memcpy(&head, bytes.data(), sizeof(Head));
  bytes = bytes.subspan(sizeof(Head));
  if (head.text_length > kLongestText || head.text_length > bytes.size()) return nullptr;
  const std::string text = harmless(bytes.first(head.text_length));
  bytes = bytes.subspan(head.text_length);
  if (head.kind == 'E' && bytes.empty()) throw Error(accepted_code(head.code), text);
  if (head.kind != 'A') return nullptr;

  const SafetensorsFile file({bytes.begin(), bytes.end()}, source);
  std::vector<LoadedTensor> tensors;
  for (const ArchiveEntry& entry : file.entries()) tensors.push_back({entry, file.read(entry.name)});
  return std::make_unique<LoadedArchive>(text, source, std::move(tensors), file.metadata());
}

}  // namespace karyon
