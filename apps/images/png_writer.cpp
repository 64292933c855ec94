#include "apps/images/png_writer.h"

#include <bit>
#include <csetjmp>
#include <new>
#include <string>
#include <utility>

#include <png.h>
#include <zlib.h>

#include "apps/images/png.h"
#include "apps/images/png_error.h"
#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;  // bytes written to a file at once

void put_bytes(png_structp png, png_bytep data, std::size_t count) {
  bool stored = true;
  try {
    auto* out = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
    out->insert(out->end(), data, data + count);
  } catch (const std::bad_alloc&) {
    stored = false;
  }
  if (!stored) png_error(png, "out of memory");
}

void flush_nothing(png_structp /*png*/) {}

bool begin(png_structp png, png_infop info, const PngForm* form, std::vector<std::uint8_t>* out) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;  // NOLINT(cert-err52-cpp): libpng knows no other way
  png_set_write_fn(png, out, put_bytes, flush_nothing);
  const int colour = form->channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : form->channels == 3 ? PNG_COLOR_TYPE_RGB
                                           : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(png, info, static_cast<png_uint_32>(form->width), static_cast<png_uint_32>(form->height), form->bits,
               colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  const bool grey = form->channels == 1;
  png_set_filter(png, PNG_FILTER_TYPE_BASE, grey ? PNG_FILTER_NONE : PNG_FILTER_UP);
  png_set_compression_level(png, grey ? 3 : 2);
  png_set_compression_strategy(png, Z_DEFAULT_STRATEGY);
  png_write_info(png, info);
  if (std::endian::native == std::endian::little) png_set_swap(png);
  return true;
}

bool write_row(png_structp png, const void* row) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;  // NOLINT(cert-err52-cpp)
  png_write_row(png, static_cast<png_const_bytep>(row));
  return true;
}

bool write_end(png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;  // NOLINT(cert-err52-cpp)
  png_write_end(png, info);
  return true;
}

}  // namespace

struct PngRows::Handle {
  PngError error;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &error, leave_png, pass_png_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;

  Handle() {
    if (info == nullptr) {
      png_destroy_write_struct(&png, nullptr);
      throw std::bad_alloc();
    }
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { png_destroy_write_struct(&png, &info); }

  void expect(bool done, const PngForm& form) const {
    if (done) return;
    throw Error(Exit::out_of_memory, "a picture of " + std::to_string(form.width) + " x " +
                                         std::to_string(form.height) +
                                         " could not be encoded as PNG: " + std::string(error.text.data()));
  }
};

PngRows::PngRows(const PngForm& form) : form_(form), handle_(std::make_unique<Handle>()) {
  KARYON_CHECK(form.channels == 1 || form.channels == 3 || form.channels == 4, "grey, RGB or RGBA");
  KARYON_CHECK(form.bits == 8 || form.bits == 16, "8 or 16 bits");
  handle_->expect(begin(handle_->png, handle_->info, &form_, &bytes), form_);
}

PngRows::~PngRows() = default;

void PngRows::add_samples(const void* row, std::size_t samples, int bits) {
  KARYON_CHECK(bits == form_.bits && rows_ < form_.height, "a row of the form's bits, no more rows than it has");
  KARYON_CHECK(samples == static_cast<std::size_t>(form_.width) * static_cast<std::size_t>(form_.channels),
               "as many samples as the sizes say");
  handle_->expect(write_row(handle_->png, row), form_);
  ++rows_;
}

void PngRows::add(std::span<const std::uint8_t> row) { add_samples(row.data(), row.size(), 8); }
void PngRows::add(std::span<const std::uint16_t> row) { add_samples(row.data(), row.size(), 16); }

void PngRows::finish() {
  KARYON_CHECK(rows_ == form_.height, "all rows before the end");
  handle_->expect(write_end(handle_->png, handle_->info), form_);
}

PngWriter::PngWriter(const std::filesystem::path& path, const PngForm& form) : file_(path), rows_(form) {}

void PngWriter::pass_on(std::size_t at_least) {
  if (rows_.bytes.size() < at_least) return;
  file_.write(rows_.bytes);
  rows_.bytes.clear();
}

void PngWriter::add(std::span<const std::uint8_t> row) {
  rows_.add(row);
  pass_on(kPiece);
}

void PngWriter::add(std::span<const std::uint16_t> row) {
  rows_.add(row);
  pass_on(kPiece);
}

void PngWriter::finish() {
  rows_.finish();
  pass_on(0);
  file_.commit();
}

namespace {

/// All rows of a picture at once.
template <typename Sample>
std::vector<std::uint8_t> encode(const PngForm& form, std::span<const Sample> samples) {
  const std::size_t pitch = static_cast<std::size_t>(form.width) * static_cast<std::size_t>(form.channels);
  KARYON_CHECK(samples.size() == pitch * static_cast<std::size_t>(form.height), "as many samples as the sizes say");
  PngRows rows(form);
  for (std::size_t at = 0; at < samples.size(); at += pitch) rows.add(samples.subspan(at, pitch));
  rows.finish();
  return std::move(rows.bytes);
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Picture& picture) {
  return encode<std::uint8_t>({picture.width, picture.height, picture.channels, 8}, picture.pixels);
}

std::vector<std::uint8_t> encode_png16_grey(std::span<const std::uint16_t> labels, int width, int height) {
  return encode<std::uint16_t>({width, height, 1, 16}, labels);
}

}  // namespace karyon
