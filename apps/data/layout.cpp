#include "apps/data/layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "kernels/check.h"

namespace karyon {
namespace {

/// "a/b/c" -> {"a/b", "c"}; "c" -> {"", "c"}.
std::pair<std::string, std::string> split_last(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

std::string stem(const std::string& file) {
  const std::string name = split_last(file).second;
  return name.substr(0, name.rfind('.'));
}

/// By extension. Formats that cannot be read are pictures too, so that reading them says so instead of passing over.
bool is_picture(const std::string& file) {
  constexpr std::array<std::string_view, 9> extensions = {"png", "jpg", "jpeg", "tif", "tiff",
                                                          "bmp", "gif", "webp", "jp2"};
  const std::size_t dot = file.rfind('.');
  if (dot == std::string::npos) return false;
  std::string extension = file.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool is_hidden(const std::string& file) {
  return file.front() == '.' || file.find("/.") != std::string::npos || file.starts_with("__MACOSX/");
}

class Finder {
 public:
  explicit Finder(const Source& source) : source_(source) {
    const Listing& listing = source.listing();
    layout_.notes = listing.notes;
    folders_.insert(listing.folders.begin(), listing.folders.end());
    for (const std::string& file : listing.files) {
      for (std::string up = split_last(file).first; !up.empty() && folders_.insert(up).second;) {
        up = split_last(up).first;
      }
      const bool counts = listing.is_one_file || (is_picture(file) && !is_hidden(file));
      if (counts) pictures_[split_last(file).first].push_back(file);
    }
  }

  Layout find() {
    for (const auto& [folder, files] : pictures_) {
      const auto [parent, last] = split_last(folder);
      if (last == "images") {
        add_images(parent, files);
      } else if (last == "inputs") {
        add_pairs(parent, files);
      } else if (last != "masks") {
        add_plain(folder, files);
      } else if (!pictures_.contains(join(parent, "images")) && !pictures_.contains(join(parent, "inputs"))) {
        layout_.orphans.push_back(source_.describe(folder));
      }
    }
    if (layout_.examples.empty()) {
      layout_.examples = std::move(plain_);
    } else {
      for (const LayoutExample& example : plain_) {
        layout_.notes.push_back(source_.describe(example.image) + " stands outside the data set's layout, passed over");
      }
    }
    return std::move(layout_);
  }

 private:
  [[nodiscard]] const std::vector<std::string>& pictures_in(const std::string& folder) const {
    static const std::vector<std::string> none;
    const auto found = pictures_.find(folder);
    return found == pictures_.end() ? none : found->second;
  }

  void add_images(const std::string& parent, const std::vector<std::string>& files) {
    const std::string masks = join(parent, "masks");
    const bool has_truth = folders_.contains(masks);
    if (has_truth && files.size() > 1) {
      throw Error(Exit::bad_data, source_.describe(join(parent, "images")) + " holds " + std::to_string(files.size()) +
                                      " pictures beside one masks folder; the Kaggle layout has one picture in each "
                                      "images folder, and pictures and masks of equal names stand in inputs and masks");
    }
    for (const std::string& file : files) {
      layout_.examples.push_back({stem(file), parent, file, has_truth,
                                  has_truth ? pictures_in(masks) : std::vector<std::string>{},
                                  "there is no folder " + source_.describe(masks)});
    }
  }

  void add_pairs(const std::string& parent, const std::vector<std::string>& files) {
    const std::string folder = join(parent, "masks");
    std::multimap<std::string, std::string> by_name;
    for (const std::string& mask : pictures_in(folder)) by_name.emplace(stem(mask), mask);
    for (const std::string& file : files) {
      LayoutExample example{stem(file), parent, file, false, {}, ""};
      const auto [begin, end] = by_name.equal_range(example.name);
      std::transform(begin, end, std::back_inserter(example.masks), [](const auto& entry) { return entry.second; });
      example.has_truth = begin != end;
      example.lacking = "there is no mask of this name in " + source_.describe(folder);
      layout_.examples.push_back(std::move(example));
    }
  }

  void add_plain(const std::string& folder, const std::vector<std::string>& files) {
    for (const std::string& file : files) {
      plain_.push_back({stem(file), folder, file, false, {}, "it stands in no images or inputs folder"});
    }
  }

  const Source& source_;
  std::set<std::string> folders_;
  std::map<std::string, std::vector<std::string>> pictures_;  // by folder
  std::vector<LayoutExample> plain_;
  Layout layout_;
};

}  // namespace

Layout find_layout(const Source& source) { return Finder(source).find(); }

}  // namespace karyon
