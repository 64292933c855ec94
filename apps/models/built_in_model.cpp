#include "apps/models/built_in_model.h"

#include <nlohmann/json.hpp>

#include "engine/files.h"

// The assembler puts the files' bytes into the program as they are.
asm(".section .rodata\n"
    ".balign 16\n"
    "karyon_model_begin:\n"
    ".incbin \"" KARYON_MODEL_FILE
    "\"\n"
    "karyon_model_end:\n"
    ".byte 0\n"
    "karyon_ranges_begin:\n"
    ".incbin \"" KARYON_RANGES_FILE
    "\"\n"
    "karyon_ranges_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" {
extern const std::uint8_t karyon_model_begin[];
extern const std::uint8_t karyon_model_end[];
extern const std::uint8_t karyon_ranges_begin[];
extern const std::uint8_t karyon_ranges_end[];
}

namespace karyon {

std::string model_name(const std::string& path) { return path.empty() ? "the model in the box" : path; }

std::vector<std::uint8_t> model_bytes(const std::string& path) {
  return path.empty() ? std::vector<std::uint8_t>(karyon_model_begin, karyon_model_end) : read_file(path);
}

Checkpoint load_model(const std::string& path) {
  if (!path.empty()) return load_checkpoint(path);
  Checkpoint checkpoint = decode_checkpoint(model_bytes(path), model_name(path));
  nlohmann::json::parse(karyon_ranges_begin, karyon_ranges_end).get_to(checkpoint.activation_ranges);
  return checkpoint;
}

}  // namespace karyon
