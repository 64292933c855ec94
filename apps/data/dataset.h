// Pictures with their truth, listed once and decoded one at a time.
// Invariant: examples are in the order of their ids, and ids are unique: an id is the picture's file name without
// extension, and where names clash the folders above stand in front ("plate1_well3"), as many as it takes. So neither
// the file system nor the order of the arguments decides what example 7 is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/data/source.h"
#include "apps/images/decode.h"
#include "apps/images/raw_picture.h"

namespace karyon {

enum class Use : std::uint8_t {
  training,   // every picture needs its truth
  checking,   // the same, but pictures without truth and masks without picture are told by faults() and passed over
  inference,  // truth is taken where it is
};

struct Example {
  std::string id;
  RawPicture image;  // its own size
  // height * width: 0 background, else the nucleus. Of many mask files each is one, numbered from 1 in their order, and
  // where they overlap the later one has the pixel. A single file holds all nuclei, numbered by their first pixel: of
  // up to 8 bits it is taken apart into its connected components, of 16 or 32 bits its numbers are the nuclei.
  std::optional<std::vector<std::uint32_t>> nuclei;
  std::int64_t overlapping_pixels = 0;  // in more than one mask
  std::vector<std::string> warnings;
  std::string sha256;  // of the image file's bytes
};

class Dataset {
 public:
  /// paths: folders, zips and picture files, in the layouts of layout.h. Error no_input when a path is missing or there
  /// is no picture at all; bad_data for a broken or refused source, and in training for pictures without truth and
  /// masks without picture, all of them named.
  /// page: of a TIFF, from 0.
  Dataset(std::span<const std::filesystem::path> paths, Use use, const PictureLimits& limits = {}, int page = 0);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::string& id(std::size_t index) const { return entries_[index].id; }
  /// What the listing passed over, for the user to read.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  /// With Use::checking, what would be refused in training.
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

  /// May be called from many threads. Error bad_data naming the file, or the image and the mask when their sizes
  /// differ; io when a file cannot be read.
  [[nodiscard]] Example load_example(std::size_t index) const;

 private:
  struct Entry {
    std::string id;
    std::size_t source = 0;
    std::string image;
    bool has_truth = false;
    std::vector<std::string> masks;
  };

  PictureLimits limits_;
  int page_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Entry> entries_;
  std::vector<std::string> notes_, faults_;
};

}  // namespace karyon
