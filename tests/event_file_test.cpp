// Event files to the byte, their content read back, and what a full disk does to them.
#include "apps/tensorboard/event_file.h"

#include <array>
#include <cmath>
#include <csignal>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "apps/tensorboard/histogram.h"
#include "engine/files.h"
#include "tests/child.h"
#include "tests/event_reader.h"
#include "tests/expect_error.h"

namespace karyon {
namespace {

using tensorboard::Event;

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

std::string record(const std::string& data) {
  std::string file;
  append_record(file, data);
  return file;
}

TEST(Record, CrcOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string ascending(32, '\0');
  std::iota(ascending.begin(), ascending.end(), '\0');
  EXPECT_EQ(crc32c(ascending), 0x46dd794eU);
  EXPECT_EQ(crc32c(""), 0U);
}

// The bytes are those that TensorBoard's own writer (2.21, RecordWriter) gives for these events.
TEST(Record, BytesOfTensorBoardsWriter) {
  Event version;
  version.set_wall_time(1.5);
  version.set_file_version("brain.Event:2");
  EXPECT_EQ(hex(record(version.SerializeAsString())),
            "1800000000000000a37f4b22"
            "09000000000000f83f1a0d627261696e2e4576656e743a32"
            "2a28646c");
  Event scalar;
  scalar.set_wall_time(1.5);
  scalar.set_step(3);
  tensorboard::Summary::Value& value = *scalar.mutable_summary()->add_value();
  value.set_tag("x");
  value.set_simple_value(0.25F);
  EXPECT_EQ(hex(record(scalar.SerializeAsString())),
            "1700000000000000e7cef81e"
            "09000000000000f83f10032a0a0a080a0178150000803e"
            "facae401");
}

std::vector<std::string> records_of(const std::filesystem::path& file) {
  std::vector<std::string> records;
  for_each_record(file, [&](const std::string& data) { records.push_back(data); });
  return records;
}

TEST(Record, ReadingEndsBeforeATornOrDamagedOne) {
  const TempDir dir;
  const std::string first = record("first"), whole = first + record("second");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    write_file(dir / "x", whole.substr(0, size));
    const std::size_t expected = size < first.size() ? 0 : size < whole.size() ? 1 : 2;
    EXPECT_EQ(records_of(dir / "x").size(), expected) << size;
  }
  for (std::size_t at = first.size(); at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write_file(dir / "x", damaged);
    EXPECT_EQ(records_of(dir / "x"), std::vector<std::string>{"first"}) << at;
  }
  EXPECT_TRUE(records_of(dir / "none").empty());
}

TEST(HistogramBuckets, HoldEveryFiniteValueOnce) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values{-2, -1e30F, 0, 0, 1e-13F, 0.5F, 0.5F, 3e38F, infinity, -infinity, NAN};
  const Histogram h = histogram(values);
  EXPECT_EQ(h.num, 8);
  EXPECT_EQ(h.min, -1e30F);
  EXPECT_EQ(h.max, 3e38F);
  EXPECT_EQ(std::accumulate(h.counts.begin(), h.counts.end(), 0.0), 8);
  ASSERT_EQ(h.limits.size(), h.counts.size());
  EXPECT_TRUE(std::is_sorted(h.limits.begin(), h.limits.end()));
  double lower = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < h.limits.size(); ++i) {
    const auto inside = [&](float v) { return std::isfinite(v) && v >= lower && v < h.limits[i]; };
    EXPECT_EQ(h.counts[i], std::count_if(values.begin(), values.end(), inside)) << h.limits[i];
    EXPECT_FALSE(i > 0 && h.counts[i] == 0 && h.counts[i - 1] == 0) << "empty buckets are one";
    lower = h.limits[i];
  }
  EXPECT_EQ(histogram({}).counts, std::vector<double>{0.0});
}

TEST(HistogramBuckets, AreTensorFlows) {
  const std::array<float, 1> one{1.0F};
  const Histogram h = histogram(one);
  EXPECT_EQ(h.sum, 1);
  EXPECT_EQ(h.sum_squares, 1);
  // 1.1^290 * 1e-12 is the first limit above 1.
  ASSERT_EQ(h.counts, (std::vector<double>{0, 1, 0}));
  EXPECT_NEAR(h.limits[1], 1e-12 * std::pow(1.1, 290), 1e-12);
  EXPECT_NEAR(h.limits[0], 1e-12 * std::pow(1.1, 289), 1e-12);
  EXPECT_EQ(h.limits[2], std::numeric_limits<double>::max());
}

TEST(EventFiles, NothingIsMadeBeforeTheFirstFlush) {
  const TempDir dir;
  {
    EventFile file(dir / "tb", counting_clock(1000), 1);
    file.scalar("x", 1, 1.0F);
  }
  EXPECT_TRUE(dir.names().empty());
  EventFile file(dir / "tb", counting_clock(1000), 1);
  file.flush();
  EXPECT_TRUE(dir.names().empty()) << "nothing was pending";
}

TEST(EventFiles, ContentComesBack) {
  const TempDir dir;
  EventFile file(dir.path(), counting_clock(1000), 4);
  const std::vector<std::uint8_t> png{1, 2, 0, 3};
  const std::vector<float> values{1, 2, 2};
  file.scalar("a", 4, 0.1F);
  file.scalar("b", {7, 0.5F, 12.25});
  file.image("picture", 5, png, 30, 20);
  file.histogram("weights", 6, values);
  file.text("settings", 4, "*x*");
  file.graph("bytes of a graph");
  file.flush();

  ASSERT_EQ(event_files(dir.path()), std::vector<std::filesystem::path>{file.path()});
  EXPECT_TRUE(file.path().filename().string().starts_with("events.out.tfevents.0000001001.")) << file.path();
  EXPECT_TRUE(file.path().filename().string().ends_with(".v2")) << file.path();
  const std::vector<Event> e = events_of(file.path());
  ASSERT_EQ(e.size(), 8U);
  EXPECT_EQ(e[0].file_version(), "brain.Event:2");
  EXPECT_EQ(e[0].wall_time(), 1001);
  EXPECT_EQ(e[1].session_log().status(), tensorboard::SessionLog::START);
  EXPECT_EQ(e[1].step(), 4);
  EXPECT_EQ(e[2].summary().value(0).tag(), "a");
  EXPECT_EQ(e[2].summary().value(0).simple_value(), 0.1F);
  EXPECT_EQ(e[2].wall_time(), 1002);
  EXPECT_EQ(e[3].step(), 7);
  EXPECT_EQ(e[3].wall_time(), 12.25);
  const tensorboard::Summary::Image& image = e[4].summary().value(0).image();
  EXPECT_EQ(image.encoded_image_string(), std::string(png.begin(), png.end()));
  EXPECT_EQ(image.width(), 30);
  EXPECT_EQ(image.height(), 20);
  const tensorboard::HistogramProto& histo = e[5].summary().value(0).histo();
  EXPECT_EQ(e[5].step(), 6);
  EXPECT_EQ(histo.num(), 3);
  EXPECT_EQ(histo.sum(), 5);
  EXPECT_EQ(histo.sum_squares(), 9);
  EXPECT_EQ(histo.min(), 1);
  EXPECT_EQ(histo.max(), 2);
  EXPECT_EQ(std::accumulate(histo.bucket().begin(), histo.bucket().end(), 0.0), 3);
  EXPECT_EQ(histo.bucket_size(), histo.bucket_limit_size());
  EXPECT_EQ(e[6].summary().value(0).tensor().string_val(0), "*x*");
  EXPECT_EQ(e[6].summary().value(0).metadata().plugin_data().plugin_name(), "text");
  EXPECT_EQ(e[7].graph_def(), "bytes of a graph");
}

TEST(EventFiles, ANewOneSortsBehindAllThatAreThere) {
  const TempDir dir;
  std::vector<std::filesystem::path> made;
  for (int i = 0; i < 12; ++i) {
    EventFile file(
        dir.path(), [] { return 5.0; }, 1);  // a clock that stands still
    file.scalar("x", 1, 0.0F);
    file.flush();
    made.push_back(file.path());
  }
  EXPECT_EQ(event_files(dir.path()), made);
}

TEST(EventFiles, WhatIsPendingInTheEndIsWritten) {
  const TempDir dir;
  {
    EventFile file(dir.path(), counting_clock(1), 1);
    file.scalar("x", 1, 1.0F);
    file.flush();
    file.scalar("x", 2, 2.0F);
    EXPECT_EQ(scalars_of(file.path(), "x").size(), 1U);
  }
  EXPECT_EQ(scalars_of(event_files(dir.path())[0], "x").size(), 2U);
}

/// Files larger than this cannot be written for its life, as if the disk were full there.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit small{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(EventFiles, FullDiskKeepsTheRecordsAndLaterWritesGoOn) {
  const TempDir dir;
  EventFile file(dir.path(), counting_clock(1), 1);
  file.scalar("x", 1, 1.0F);
  file.flush();
  const std::string before = text_of(file.path());
  for (int step = 2; step < 100; ++step) file.scalar("x", step, 1.0F);
  {
    const FileSizeLimit full(before.size() + 1000);
    expect_error(Exit::io, file.path().string(), [&] { file.flush(); });
    EXPECT_EQ(text_of(file.path()), before) << "no torn record";
    expect_error(Exit::io, "File too large", [&] { file.flush(); });
  }
  file.scalar("x", 100, 1.0F);
  file.flush();
  const std::vector<ScalarPoint> points = scalars_of(file.path(), "x");
  ASSERT_EQ(points.size(), 100U);
  for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(points[i].step, static_cast<std::int64_t>(i) + 1);
}

TEST(EventFiles, AFolderThatCannotBeMade) {
  const TempDir dir;
  write_file(dir / "tb", "a file");
  EventFile file(dir / "tb", counting_clock(1), 1);
  file.scalar("x", 1, 1.0F);
  expect_error(Exit::cannot_create, (dir / "tb").string(), [&] { file.flush(); });
  std::filesystem::remove(dir / "tb");
  file.flush();
  EXPECT_EQ(scalars_of(file.path(), "x").size(), 1U);
}

}  // namespace
}  // namespace karyon
