// infer_unet run on pictures made for a test, with a model small enough to be run often.
// Invariant: the results of the last run, and nothing else, are in the folder "out".
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/images/decode.h"
#include "engine/random.h"
#include "tests/child.h"
#include "tests/data_fixtures.h"
#include "tests/tiny_model.h"

namespace karyon {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Finished infer(const fs::path& folder, const Words& words, const std::string& input = "") {
  return run_child("infer_unet", words + Words{"--threads", "2"}, folder, {}, input);
}

inline std::size_t pixel_at(const Picture& picture, int y, int x) {
  return static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x);
}

inline Picture noise(int width, int height, int channels, std::uint64_t seed) {
  Picture picture(width, height, channels);
  // Blocks of 8 pixels, so that resizing leaves something to see.
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      RandomStream block(seed, Purpose::bench, static_cast<std::uint32_t>(y / 8 * 1000 + x / 8));
      for (int c = 0; c < channels; ++c) {
        const std::size_t at =
            pixel_at(picture, y, x) * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c);
        picture.pixels[at] = static_cast<std::uint8_t>(block.below(256));
      }
    }
  }
  return picture;
}

inline Picture read_grey(const fs::path& file) { return decode_grey(read_file(file), file.string()); }

/// Only 0 and 255, and of this size.
inline Picture read_mask(const fs::path& file, int width, int height) {
  const Picture mask = read_grey(file);
  EXPECT_EQ(mask.width, width) << file;
  EXPECT_EQ(mask.height, height) << file;
  EXPECT_TRUE(std::all_of(mask.pixels.begin(), mask.pixels.end(), [](int v) { return v == 0 || v == 255; })) << file;
  return mask;
}

/// Masks are then just where the probability says nucleus.
inline const Words kAsItIs{"--min-area", "0", "--fill-holes", "0"};

/// A folder with the tiny model in it.
struct InferUnet : ::testing::Test {
  InferUnet() { save_checkpoint(dir / "model", checkpoint); }

  /// The run must end with this status; results are in "out".
  Finished run(const Words& words, int status = 0, const std::string& input = "") {
    fs::remove_all(dir / "out");
    Finished finished = infer(dir.path(), Words{"--model", "model", "--out", "out"} + words, input);
    EXPECT_EQ(finished.status, status) << finished.err;
    return finished;
  }

  TempDir dir;
  Checkpoint checkpoint = tiny_checkpoint();
};

}  // namespace karyon
