// TensorBoard's event files read back by the generated messages.
// Invariant: a record that does not parse as an Event fails the test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <apps/tensorboard/event.pb.h>
#include <gtest/gtest.h>

#include "apps/tensorboard/event_file.h"
#include "apps/tensorboard/record.h"

namespace karyon {

inline std::vector<tensorboard::Event> events_of(const std::filesystem::path& file) {
  std::vector<tensorboard::Event> events;
  for_each_record(file, [&](const std::string& data) { EXPECT_TRUE(events.emplace_back().ParseFromString(data)); });
  return events;
}

/// The values of a tag in a file, in its order.
inline std::vector<ScalarPoint> scalars_of(const std::filesystem::path& file, const std::string& tag) {
  std::vector<ScalarPoint> points;
  for (const tensorboard::Event& event : events_of(file)) {
    for (const tensorboard::Summary::Value& value : event.summary().value()) {
      if (value.tag() == tag) points.push_back({event.step(), value.simple_value(), event.wall_time()});
    }
  }
  return points;
}

/// A clock that goes on by a second each time it is read.
inline WallClock counting_clock(double start) {
  return [now = start]() mutable { return now += 1; };
}

}  // namespace karyon
