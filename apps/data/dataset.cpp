#include "apps/data/dataset.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "apps/data/layout.h"
#include "apps/data/problems.h"
#include "apps/data/truth.h"
#include "kernels/check.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

/// A picture's name and the folders above it, from the root of the file system down.
struct Place {
  std::string name;
  std::vector<std::string> above;
  std::size_t shown = 0;  // how many of the folders stand in front

  [[nodiscard]] std::string id() const {
    std::string text;
    for (std::size_t i = above.size() - shown; i < above.size(); ++i) text += above[i] + "_";
    return text + name;
  }
};

/// Groups of equal ids, as indices.
std::map<std::string, std::vector<std::size_t>> by_id(const std::vector<Place>& places) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < places.size(); ++i) groups[places[i].id()].push_back(i);
  return groups;
}

/// Puts folders in front of clashing names, one more each round, until none clash or no folder is left.
void set_apart(std::vector<Place>& places) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [id, group] : by_id(places)) {
      if (group.size() < 2) continue;
      for (const std::size_t i : group) {
        if (places[i].shown == places[i].above.size()) continue;
        ++places[i].shown;
        changed = true;
      }
    }
  }
}

std::vector<std::string> folders_above(const Source& source, const std::string& folder) {
  std::vector<std::string> above;
  for (const auto& part : (source.root() / folder).relative_path()) {
    if (!part.empty()) above.push_back(part.string());
  }
  return above;
}

}  // namespace

Dataset::Dataset(std::span<const std::filesystem::path> paths, Use use, const PictureLimits& limits, int page)
    : limits_(limits), page_(page) {
  std::vector<std::string> problems;
  std::vector<Place> places;
  std::set<std::string> seen;  // a file named twice counts once
  for (const std::filesystem::path& path : paths) {
    sources_.push_back(open_source(path));
    const Source& source = *sources_.back();
    Layout layout = find_layout(source);
    notes_.insert(notes_.end(), layout.notes.begin(), layout.notes.end());
    for (const std::string& orphan : layout.orphans) {
      (use == Use::inference ? notes_ : problems).push_back(orphan + " belongs to no picture");
    }
    for (LayoutExample& example : layout.examples) {
      if (!seen.insert((source.root() / example.image).string()).second) continue;
      if (use != Use::inference && !example.has_truth) {
        problems.push_back(source.describe(example.image) + " has no masks: " + example.lacking);
        continue;
      }
      places.push_back({example.name, folders_above(source, example.folder)});
      entries_.push_back({"", sources_.size() - 1, example.image, example.has_truth, std::move(example.masks)});
    }
  }
  std::string names;
  for (const std::filesystem::path& path : paths) names += (names.empty() ? "" : ", ") + path.string();
  if (entries_.empty() && problems.empty()) throw Error(Exit::no_input, names + ": no picture in it");
  if (use == Use::checking) {
    faults_ = std::move(problems);
  } else if (!problems.empty()) {
    throw Error(Exit::bad_data, list_problems(names + " cannot be trained on (a picture in images or inputs needs a "
                                                      "masks folder beside that, be it empty)",
                                              problems));
  }
  set_apart(places);
  // What still clashes lies in one folder under one name: there the extension is left on.
  for (const auto& [id, group] : by_id(places)) {
    for (const std::size_t i : group) {
      if (group.size() > 1) places[i].name = std::filesystem::path(entries_[i].image).filename().string();
      places[i].shown = group.size() > 1 ? 0 : places[i].shown;
    }
  }
  set_apart(places);
  for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].id = places[i].id();
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
  const auto twice =
      std::adjacent_find(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.id == b.id; });
  if (twice != entries_.end()) {
    throw Error(Exit::bad_data, sources_[twice->source]->describe(twice->image) + " and " +
                                    sources_[(twice + 1)->source]->describe((twice + 1)->image) +
                                    " would both be called " + twice->id + "; rename one of them");
  }
}

Example Dataset::load_example(std::size_t index) const {
  KARYON_CHECK(index < entries_.size(), "an example of the data set");
  const Entry& entry = entries_[index];
  const Source& source = *sources_[entry.source];
  Example example;
  example.id = entry.id;
  const std::string image_name = source.describe(entry.image);
  {
    const std::vector<std::uint8_t> bytes = source.read(entry.image);
    example.sha256 = sha256_hex(bytes);
    example.image = decode_raw(bytes, image_name, limits_, page_);
    if (example.image.pages > 1) {
      example.warnings.push_back(image_name + " has " + std::to_string(example.image.pages) + " pages, of which page " +
                                 std::to_string(page_ + 1) + " is taken");
    }
  }
  if (entry.has_truth) load_truth(source, entry.masks, image_name, limits_, example);
  return example;
}

}  // namespace karyon
