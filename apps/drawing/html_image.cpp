#include "apps/drawing/html_image.h"

#include <openssl/evp.h>

#include "apps/drawing/text.h"

namespace karyon {

std::string image_tag(std::span<const std::uint8_t> png, const std::string& description) {
  std::string base64(4 * ((png.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), png.data(), static_cast<int>(png.size()));
  base64.resize(static_cast<std::size_t>(length));
  return "<img alt=\"" + escape_xml(description) + "\" src=\"data:image/png;base64," + base64 + "\">\n";
}

}  // namespace karyon
