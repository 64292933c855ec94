// How libpng's errors leave it.
// Invariant: libpng leaves by longjmp, which must not pass over a C++ destructor. So whatever owns memory lives in the
// callers, and the functions that call setjmp hold plain values alone.
#pragma once

#include <array>
#include <cstring>

#include <png.h>

namespace karyon {

/// The message, where the handle's error pointer points.
struct PngError {
  std::array<char, 200> text{};
};

[[noreturn]] inline void leave_png(png_structp png, png_const_charp message) {
  auto* error = static_cast<PngError*>(png_get_error_ptr(png));
  std::strncpy(error->text.data(), message, error->text.size() - 1);
  png_longjmp(png, 1);
}

inline void pass_png_warning(png_structp /*png*/, png_const_charp /*message*/) {}

}  // namespace karyon
