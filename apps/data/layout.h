// Which files of a source belong together: the layouts of data sets, recognised by folder names alone.
// Invariant: the result depends on names only, never on their order or on what the files hold.
//
//   Kaggle   <example>/images/<id>.png with <example>/masks/*, one nucleus a file, or all nuclei in one
//   pairs    <folder>/inputs/<id>.png with <folder>/masks/<id>.png: equal names, whatever their extensions
//   plain    pictures in any other folder: no truth
// at any depth, so that common parent folders do not matter. Where a layout is found, plain pictures beside it are
// passed over with a note. Hidden files and __MACOSX are not seen. An example's masks folder may be empty: background.
#pragma once

#include <string>
#include <vector>

#include "apps/data/source.h"

namespace karyon {

struct LayoutExample {
  std::string name;    // the picture's file name without extension
  std::string folder;  // of the example within the source: what stands above images/, inputs/ or the plain picture
  std::string image;
  bool has_truth = false;  // there is a masks folder; with pairs, a mask of this name
  std::vector<std::string> masks;
  std::string lacking;  // without truth: what is missing, for a message
};

struct Layout {
  std::vector<LayoutExample> examples;
  std::vector<std::string> orphans;  // masks folders without pictures
  std::vector<std::string> notes;
};

/// Error bad_data for an images/ folder of many pictures with a masks/ folder beside it: no telling which mask is
/// whose.
Layout find_layout(const Source& source);

}  // namespace karyon
