#include "apps/models/built_in_model.h"

#include <cstdint>
#include <vector>

// The assembler puts the file's bytes into the program as they are.
asm(".section .rodata\n"
    ".balign 16\n"
    "karyon_model_begin:\n"
    ".incbin \"" KARYON_MODEL_FILE
    "\"\n"
    "karyon_model_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" {
extern const std::uint8_t karyon_model_begin[];
extern const std::uint8_t karyon_model_end[];
}

namespace karyon {

Checkpoint built_in_model() {
  return decode_checkpoint(std::vector<std::uint8_t>(karyon_model_begin, karyon_model_end), kBuiltInModel);
}

}  // namespace karyon
