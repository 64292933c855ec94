// Writing is by position: a flush that failed half-way is cut off again, and if even that fails the next one overwrites
// its torn end.
#include "apps/tensorboard/event_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <system_error>
#include <utility>

#include <apps/tensorboard/event.pb.h>
#include <fcntl.h>
#include <unistd.h>

#include "apps/tensorboard/histogram.h"
#include "apps/tensorboard/record.h"
#include "kernels/check.h"

namespace karyon {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPrefix = "events.out.tfevents.";

std::string errno_text(int code) { return std::generic_category().message(code); }

/// The seconds in an event file's name; 0 where there are none.
std::int64_t seconds_of(const fs::path& file) {
  const std::string name = file.filename().string().substr(std::char_traits<char>::length(kPrefix));
  std::int64_t seconds = 0;
  std::from_chars(name.data(), name.data() + name.size(), seconds);
  return seconds;
}

/// A name that sorts behind those in the folder, as TensorFlow makes them: seconds, host, process, number.
std::string new_name(const fs::path& folder, double wall_time) {
  static std::atomic<int> number{0};
  auto seconds = static_cast<std::int64_t>(std::floor(wall_time));
  // Within one second, or when a clock was put back, the seconds run ahead of the clock.
  for (const fs::path& file : event_files(folder)) seconds = std::max(seconds, seconds_of(file) + 1);
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') std::snprintf(host, sizeof host, "localhost");
  char name[400];
  std::snprintf(name, sizeof name, "%s%010lld.%s.%ld.%d.v2", kPrefix, static_cast<long long>(seconds), host,
                static_cast<long>(::getpid()), number++);
  return name;
}

}  // namespace

double system_wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (entry.path().filename().string().starts_with(kPrefix)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

EventFile::EventFile(fs::path folder, WallClock clock, std::int64_t first_step)
    : folder_(std::move(folder)), clock_(std::move(clock)), first_step_(first_step), started_(clock_()) {}

EventFile::~EventFile() {
  if (fd_ < 0) return;
  // Nobody can be told here of a failure; who wants to know flushes before.
  [[maybe_unused]] const bool written = write_pending();
  ::close(fd_);
}

tensorboard::Event EventFile::event(std::int64_t step) const {
  tensorboard::Event event;
  event.set_wall_time(clock_());
  event.set_step(step);
  return event;
}

void EventFile::add(const tensorboard::Event& event) { append_record(pending_, event.SerializeAsString()); }

void EventFile::scalar(const std::string& tag, std::int64_t step, float value) { scalar(tag, {step, value, clock_()}); }

void EventFile::scalar(const std::string& tag, const ScalarPoint& point) {
  tensorboard::Event e;
  e.set_wall_time(point.wall_time);
  e.set_step(point.step);
  tensorboard::Summary::Value& summary = *e.mutable_summary()->add_value();
  summary.set_tag(tag);
  summary.set_simple_value(point.value);
  add(e);
}

void EventFile::image(const std::string& tag, std::int64_t step, std::span<const std::uint8_t> png, int width,
                      int height) {
  tensorboard::Event e = event(step);
  tensorboard::Summary::Value& summary = *e.mutable_summary()->add_value();
  summary.set_tag(tag);
  tensorboard::Summary::Image& image = *summary.mutable_image();
  image.set_width(width);
  image.set_height(height);
  image.set_colorspace(3);  // RGB
  image.set_encoded_image_string(png.data(), png.size());
  add(e);
}

void EventFile::histogram(const std::string& tag, std::int64_t step, std::span<const float> values) {
  const Histogram h = karyon::histogram(values);
  tensorboard::Event e = event(step);
  tensorboard::Summary::Value& summary = *e.mutable_summary()->add_value();
  summary.set_tag(tag);
  tensorboard::HistogramProto& proto = *summary.mutable_histo();
  proto.set_min(h.min);
  proto.set_max(h.max);
  proto.set_num(h.num);
  proto.set_sum(h.sum);
  proto.set_sum_squares(h.sum_squares);
  proto.mutable_bucket_limit()->Add(h.limits.begin(), h.limits.end());
  proto.mutable_bucket()->Add(h.counts.begin(), h.counts.end());
  add(e);
}

void EventFile::text(const std::string& tag, std::int64_t step, const std::string& markdown) {
  tensorboard::Event e = event(step);
  tensorboard::Summary::Value& summary = *e.mutable_summary()->add_value();
  summary.set_tag(tag);
  summary.mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  tensorboard::TensorProto& tensor = *summary.mutable_tensor();
  tensor.set_dtype(tensorboard::DT_STRING);
  tensor.mutable_tensor_shape();  // of rank 0
  tensor.add_string_val(markdown);
  add(e);
}

void EventFile::graph(const std::string& graph_def) {
  tensorboard::Event e = event(0);
  e.set_graph_def(graph_def);
  add(e);
}

void EventFile::create() {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  const fs::path path = folder_ / new_name(folder_, started_);
  if (!failed) fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    throw Error(Exit::cannot_create, "cannot make the event file '" + path.string() +
                                         "': " + (failed ? failed.message() : errno_text(errno)));
  }
  path_ = path;
  tensorboard::Event version, start;
  version.set_wall_time(started_);
  version.set_file_version("brain.Event:2");
  start.set_wall_time(started_);
  start.set_step(first_step_);
  start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  const std::string events = std::exchange(pending_, {});
  add(version);
  add(start);
  pending_ += events;
}

bool EventFile::write_pending() {
  std::size_t done = 0;
  while (done < pending_.size()) {
    const ssize_t put =
        ::pwrite(fd_, pending_.data() + done, pending_.size() - done, size_ + static_cast<std::int64_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) break;
    done += static_cast<std::size_t>(put);
  }
  const bool whole = done == pending_.size();
  // EINVAL: a file system that has nothing to sync.
  if (whole && (::fdatasync(fd_) == 0 || errno == EINVAL)) {
    size_ += static_cast<std::int64_t>(done);
    pending_.clear();
    return true;
  }
  const int code = errno;
  [[maybe_unused]] const int cut = ::ftruncate(fd_, size_);
  errno = code;
  return false;
}

void EventFile::flush() {
  if (pending_.empty()) return;
  if (fd_ < 0) create();
  if (write_pending()) return;
  throw Error(Exit::io,
              "cannot write the event file '" + path_.string() + "': " + errno_text(errno) + "; make room on the disk");
}

}  // namespace karyon
