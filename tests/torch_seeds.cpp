#include <algorithm>
#include <string_view>

#include "tests/pickle_writer.h"
#include "tests/seeds.h"
#include "tests/zip_writer.h"

namespace karyon {

namespace {

/// A state dict of three tensors in two storages: a matrix, its transpose as a parameter, a counter.
std::string state_dict(const std::string& behind_ids) {
  using namespace pickle;
  const std::string floats = storage("FloatStorage", "7", 7, behind_ids);
  return whole(ordered_dict() + "(" + text("weight") + "q" + op(0) + tensor(floats, 1, {2, 3}, {3, 1}) +
               text("transposed") + parameter(tensor(floats, 1, {3, 2}, {1, 3})) + text("tracked") +
               tensor(storage("LongStorage", "9", 1, behind_ids), 0, {}, {}) + "u" +
               dict({{"_metadata", ordered_dict()}}) + "b");
}

const std::string kFloats("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40\0\0\xe0\x40", 28);
const std::string kLongs("\5\0\0\0\0\0\0\0", 8);

Seed legacy_seed() {
  using namespace pickle;
  const std::string head = op(0x80) + op(2) + op(0x8a) + op(10) + "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." +
                           whole("M" + bytes_of(1001, 2)) +
                           whole(dict({{"protocol_version", number(1001)}, {"little_endian", op(0x88)}})) +
                           state_dict("N") + whole(list({text("7"), text("9")}));
  const std::string file = head + bytes_of(7, 8) + kFloats + bytes_of(1, 8) + kLongs;
  const std::size_t floats = head.size() + 8, longs = floats + kFloats.size() + 8;
  return {
      "legacy.pth", {file.begin(), file.end()}, {{floats, floats + kFloats.size()}, {longs, longs + kLongs.size()}}};
}

}  // namespace

std::vector<Seed> torch_seeds() {
  // The zip's checksums guard the tensors' values, so they may be spoiled like all else.
  return {{"zip.pth",
           zip_in_memory({{"m/data.pkl", state_dict({})},
                          {"m/byteorder", "little"},
                          {"m/data/7", kFloats},
                          {"m/data/9", kLongs},
                          {"m/version", "3\n"}}),
           {}},
          legacy_seed()};
}

std::vector<Seed> zip_seeds() {
  return {{"stored.zip", zip_in_memory({{"a/b.txt", "stored as it is"}, {"none", ""}}), {}},
          {"packed.zip", zip_in_memory({{"a.txt", std::string(500, 'a')}, {"b.txt", "b"}}, true), {}}};
}

}  // namespace karyon
