#include "apps/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include "apps/data/problems.h"
#include "engine/random.h"
#include "kernels/check.h"

namespace karyon {
namespace {

using Json = nlohmann::ordered_json;

/// Names are bytes and need not be UTF-8, JSON must be: bytes that are not become U+FFFD, on writing and on comparing.
std::string as_utf8(const std::string& name) {
  return Json::parse(Json(name).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

Json half_to_json(const std::vector<std::int32_t>& half, const TrainingSet& set) {
  Json list = Json::array();
  for (const std::int32_t i : half) {
    const auto index = static_cast<std::size_t>(i);
    list.push_back({{"id", as_utf8(set.ids[index])}, {"sha256", set.sha256[index]}});
  }
  return list;
}

/// Finds a half's ids in the set; what does not fit goes to problems.
std::vector<std::int32_t> half_from_json(const Json& list, const TrainingSet& set,
                                         const std::map<std::string, std::size_t>& known, std::vector<bool>& used,
                                         std::vector<std::string>& problems) {
  std::vector<std::int32_t> half;
  for (const Json& item : list) {
    const std::string id = item.at("id").get<std::string>();
    const auto found = known.find(id);
    if (found == known.end()) {
      problems.push_back(id + " is not in the data set");
    } else if (used[found->second]) {
      problems.push_back(id + " is named twice");
    } else if (item.at("sha256").get<std::string>() != set.sha256[found->second]) {
      problems.push_back(id + " is another picture than when the split was written");
    } else {
      used[found->second] = true;
      half.push_back(static_cast<std::int32_t>(found->second));
    }
  }
  std::sort(half.begin(), half.end());
  return half;
}

}  // namespace

Split make_split(std::size_t count, double val_split, std::uint64_t seed) {
  if (!(val_split > 0 && val_split < 1)) {
    throw Error(Exit::usage, "the validation share must lie between 0 and 1, not " + std::to_string(val_split));
  }
  KARYON_CHECK(count <= INT32_MAX, "a set that 32-bit indices can name");
  const auto validation = static_cast<std::size_t>(std::llround(static_cast<double>(count) * val_split));
  if (validation == 0 || validation >= count) {
    throw Error(Exit::usage, std::to_string(count) + " images with a validation share of " + std::to_string(val_split) +
                                 " make " + std::to_string(count - validation) + " to train on and " +
                                 std::to_string(validation) +
                                 " to validate on; both need at least one: use more images or another share");
  }
  const std::vector<std::int32_t> order =
      RandomStream(seed, Purpose::split).permutation(static_cast<std::int32_t>(count));
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(validation);
  Split split{seed, {middle, order.end()}, {order.begin(), middle}};
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.validation.begin(), split.validation.end());
  return split;
}

std::string split_to_json(const Split& split, const TrainingSet& set) {
  const Json json = {{"seed", split.seed},
                     {"train", half_to_json(split.train, set)},
                     {"validation", half_to_json(split.validation, set)}};
  return json.dump(2) + "\n";
}

Split split_from_json(std::string_view text, const std::string& name, const TrainingSet& set) {
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < set.size(); ++i) known.emplace(as_utf8(set.ids[i]), i);
  Split split;
  std::vector<std::string> problems;
  try {
    const Json json = Json::parse(text);
    std::vector<bool> used(set.size());
    split.seed = json.at("seed").get<std::uint64_t>();
    split.train = half_from_json(json.at("train"), set, known, used, problems);
    split.validation = half_from_json(json.at("validation"), set, known, used, problems);
  } catch (const Json::exception& error) {
    throw Error(Exit::bad_data, name + " is no split file: " + error.what());
  }
  if (!problems.empty()) throw Error(Exit::bad_data, list_problems(name + " does not fit the data set", problems));
  if (split.train.empty() || split.validation.empty()) {
    throw Error(Exit::bad_data, name + ": each half needs at least one image");
  }
  return split;
}

std::vector<std::pair<std::string, std::string>> find_leaks(const Split& split, const TrainingSet& set) {
  std::multimap<std::string, std::size_t> trained;
  for (const std::int32_t i : split.train) {
    trained.emplace(set.sha256[static_cast<std::size_t>(i)], static_cast<std::size_t>(i));
  }
  std::vector<std::pair<std::string, std::string>> leaks;
  for (const std::int32_t i : split.validation) {
    const auto [begin, end] = trained.equal_range(set.sha256[static_cast<std::size_t>(i)]);
    for (auto at = begin; at != end; ++at)
      leaks.emplace_back(set.ids[at->second], set.ids[static_cast<std::size_t>(i)]);
  }
  return leaks;
}

}  // namespace karyon
