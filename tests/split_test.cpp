// The split: a function of count, share and seed; written down and read back against the same set.
#include "apps/data/split.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/data_fixtures.h"

namespace karyon {
namespace {

TrainingSet named_set(std::size_t count) {
  TrainingSet set = make_training_set(count, 1, 1);
  for (std::size_t i = 0; i < count; ++i) {
    set.ids[i] = "n" + std::to_string(1000 + i);
    set.sha256[i] = "hash" + std::to_string(i);
  }
  return set;
}

TEST(Split, HalvesAreDisjointCompleteAndRounded) {
  struct Case {
    std::size_t count;
    double share;
    std::size_t validation;
  };
  for (const Case& k :
       {Case{586, 0.2, 117}, Case{2, 0.5, 1}, Case{3, 0.2, 1}, Case{7, 0.2, 1}, Case{8, 0.2, 2}, Case{10, 0.94, 9}}) {
    const Split split = make_split(k.count, k.share, 0);
    EXPECT_EQ(split.validation.size(), k.validation) << k.count;
    std::set<std::int32_t> all(split.train.begin(), split.train.end());
    all.insert(split.validation.begin(), split.validation.end());
    EXPECT_EQ(split.train.size() + split.validation.size(), k.count);
    ASSERT_EQ(all.size(), k.count);
    EXPECT_EQ(*all.begin(), 0);
    EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
    EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
  }
}

TEST(Split, IsAFunctionOfTheSeed) {
  EXPECT_EQ(make_split(100, 0.2, 7).validation, make_split(100, 0.2, 7).validation);
  EXPECT_NE(make_split(100, 0.2, 7).validation, make_split(100, 0.2, 8).validation);
  // Fixed once: a run written down by an older binary must find its halves again.
  EXPECT_EQ(make_split(10, 0.3, 0).validation, (std::vector<std::int32_t>{0, 3, 9}));
}

TEST(Split, EveryExampleIsEquallyLikelyToValidate) {
  std::vector<int> times(10);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    for (const std::int32_t i : make_split(10, 0.2, seed).validation) ++times[static_cast<std::size_t>(i)];
  }
  for (const int count : times) EXPECT_NEAR(count, 400, 90);  // five standard deviations of 18
}

TEST(Split, AnEmptyHalfIsAUsageError) {
  expect_error_with(Exit::usage, {"1 images", "1 to train on and 0 to validate on"}, [] { make_split(1, 0.2, 0); });
  expect_error_with(Exit::usage, {"2 images", "2 to train on and 0"}, [] { make_split(2, 0.2, 0); });
  expect_error_with(Exit::usage, {"0 to train on and 2"}, [] { make_split(2, 0.9, 0); });
  for (const double share : {0.0, 1.0, -0.5, 1.5, std::nan("")}) {
    expect_error(Exit::usage, "between 0 and 1", [&] { make_split(100, share, 0); });
  }
}

TEST(Split, ComesBackFromItsText) {
  TrainingSet set = named_set(30);
  set.ids[4] = "n\xFF\xFE not UTF-8 \"quoted\"\n";
  const Split split = make_split(set.size(), 0.2, UINT64_MAX);
  const std::string text = split_to_json(split, set);
  const Split back = split_from_json(text, "split.json", set);
  EXPECT_EQ(back.seed, UINT64_MAX);
  EXPECT_EQ(back.train, split.train);
  EXPECT_EQ(back.validation, split.validation);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json.at("train").size(), 24U);
  EXPECT_EQ(json.at("validation").size(), 6U);
  EXPECT_EQ(json.at("validation")[0].at("sha256"), set.sha256[static_cast<std::size_t>(split.validation[0])]);
}

TEST(Split, FindsItsHalvesInALargerSet) {
  const TrainingSet set = named_set(10);
  const std::string text = split_to_json(make_split(10, 0.2, 3), set);
  TrainingSet larger = named_set(12);
  std::rotate(larger.ids.begin(), larger.ids.begin() + 10, larger.ids.end());
  std::rotate(larger.sha256.begin(), larger.sha256.begin() + 10, larger.sha256.end());
  const Split expected = make_split(10, 0.2, 3), back = split_from_json(text, "split.json", larger);
  ASSERT_EQ(back.validation.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(back.validation[i], expected.validation[i] + 2);
}

TEST(Split, WhatDoesNotFitTheSetIsNamed) {
  const TrainingSet set = named_set(10);
  const std::string text = split_to_json(make_split(10, 0.2, 3), set);
  TrainingSet smaller = named_set(10);
  smaller.ids[5] = "other";
  expect_error_with(Exit::bad_data, {"split.json", "n1005 is not in the data set"},
                    [&] { split_from_json(text, "split.json", smaller); });
  TrainingSet changed = named_set(10);
  changed.sha256[6] = "new";
  expect_error_with(Exit::bad_data, {"n1006 is another picture"},
                    [&] { split_from_json(text, "split.json", changed); });
  auto json = nlohmann::json::parse(text);
  json["validation"].push_back(json["train"][0]);
  expect_error(Exit::bad_data, "named twice", [&] { split_from_json(json.dump(), "split.json", set); });
  json["validation"] = nlohmann::json::array();
  expect_error(Exit::bad_data, "at least one", [&] { split_from_json(json.dump(), "split.json", set); });
  for (const std::string broken :
       {"", "{", "[]", R"({"seed": "x"})", R"({"seed": 1, "train": [1], "validation": []})"}) {
    expect_error(Exit::bad_data, "split.json is no split file", [&] { split_from_json(broken, "split.json", set); });
  }
}

TEST(Split, LeaksAreFound) {
  TrainingSet set = named_set(6);
  const Split split{0, {0, 1, 2, 3}, {4, 5}};
  EXPECT_TRUE(find_leaks(split, set).empty());
  set.sha256[1] = set.sha256[0];  // within one half: no leak
  EXPECT_TRUE(find_leaks(split, set).empty());
  set.sha256[5] = set.sha256[2];
  const auto leaks = find_leaks(split, set);
  ASSERT_EQ(leaks.size(), 1U);
  EXPECT_EQ(leaks[0], (std::pair<std::string, std::string>("n1002", "n1005")));
}

}  // namespace
}  // namespace karyon
