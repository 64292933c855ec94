#include "tests/seeds.h"
#include "weights/safetensors.h"

namespace karyon {

std::vector<Seed> safetensors_seeds() {
  const std::vector<std::uint8_t> values{0, 0, 128, 63, 0, 0, 0, 64, 0, 60, 0, 64, 7, 8, 9};
  const std::span bytes(values);
  std::vector<std::uint8_t> file = encode_safetensors({{{"f32", ArchiveType::f32, {2, 1}, bytes.first(8)},
                                                        {"f16", ArchiveType::f16, {2}, bytes.subspan(8, 4)},
                                                        {"u8", ArchiveType::u8, {3}, bytes.subspan(12)},
                                                        {"none", ArchiveType::i64, {0}, {}}}},
                                                      {{"format", "pt"}, {"padding", "SAME"}});
  const ByteRange data{file.size() - values.size(), file.size()};
  return {{"small.safetensors", std::move(file), {data}}};
}

}  // namespace karyon
