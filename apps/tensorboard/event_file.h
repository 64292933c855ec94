// One event file of TensorBoard: scalars, images, histograms, text and a graph, by step.
// Invariant: only whole records stand in the file between two calls. It is made at the first flush, so a run that fails
// before leaves nothing; an older file of the folder, torn or not, is never touched, and the new one's name sorts
// behind it, which is the order in which TensorBoard reads.
//
// Going on with a run means a new file in the same folder. Behind its version it says START at the first step it will
// write. TensorBoard then forgets, for all tags of the folder, that step and those behind it in the earlier files; its
// fast reader does so tag by tag, once the new file has the step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace karyon {

namespace tensorboard {
class Event;
}

/// Seconds since 1970, with fractions.
using WallClock = std::function<double()>;
double system_wall_time();

struct ScalarPoint {
  std::int64_t step = 0;
  float value = 0;
  double wall_time = 0;
};

/// The event files in the folder, in TensorBoard's order; none where there is no such folder.
std::vector<std::filesystem::path> event_files(const std::filesystem::path& folder);

class EventFile {
 public:
  /// The file will lie in `folder`, which is made with it, and begin at step `first_step`. The clock dates every event.
  EventFile(std::filesystem::path folder, WallClock clock, std::int64_t first_step);
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  /// Writes what is pending if the file was made already and it can be written.
  ~EventFile();

  void scalar(const std::string& tag, std::int64_t step, float value);
  void scalar(const std::string& tag, const ScalarPoint& point);
  /// The bytes of an RGB PNG file of that size in pixels.
  void image(const std::string& tag, std::int64_t step, std::span<const std::uint8_t> png, int width, int height);
  /// The finite ones of the values, in TensorFlow's buckets.
  void histogram(const std::string& tag, std::int64_t step, std::span<const float> values);
  /// Shown as Markdown.
  void text(const std::string& tag, std::int64_t step, const std::string& markdown);
  /// A serialised GraphDef, as of model_graph.h.
  void graph(const std::string& graph_def);

  /// Writes what is pending by one call and waits until it is on the disk. Error cannot_create when the file cannot be
  /// made, io when writing fails; what is pending is then kept for the next flush.
  void flush();
  /// Empty before the first flush.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  tensorboard::Event event(std::int64_t step) const;
  void add(const tensorboard::Event& event);
  void create();
  [[nodiscard]] bool write_pending();

  std::filesystem::path folder_, path_;
  WallClock clock_;
  std::int64_t first_step_;
  double started_;
  int fd_ = -1;
  std::int64_t size_ = 0;  // of the whole records in the file
  std::string pending_;
};

}  // namespace karyon
