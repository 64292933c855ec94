#include "apps/nuclei/rle.h"

#include <algorithm>
#include <charconv>

#include "apps/cli/csv.h"
#include "kernels/check.h"

namespace karyon {

namespace {

constexpr int kColumnsAtOnce = 16;  // of labels, a cache line

void append_run(std::string& text, std::size_t begin, std::size_t length) {
  if (!text.empty()) text += ' ';
  text += std::to_string(begin + 1) + ' ' + std::to_string(length);
}

/// Some columns' labels, each column's behind one another.
std::vector<std::uint32_t> columns_of(const LabelImage& image, int first, int count) {
  const auto height = static_cast<std::size_t>(image.height);
  std::vector<std::uint32_t> columns(static_cast<std::size_t>(count) * height);
  for (int y = 0; y < image.height; ++y) {
    for (int i = 0; i < count; ++i) {
      columns[static_cast<std::size_t>(i) * height + static_cast<std::size_t>(y)] =
          image.labels[image.index(first + i, y)];
    }
  }
  return columns;
}

/// Calls visit(label, begin, length) for the runs of all labels, top to bottom and then left to right; a run goes on
/// from the foot of a column to the head of the next.
template <typename Visit>
void for_each_run_down(const LabelImage& image, Visit&& visit) {
  std::uint32_t label = 0;
  std::size_t begin = 0, position = 0;
  for (int first = 0; first < image.width; first += kColumnsAtOnce) {
    for (const std::uint32_t here : columns_of(image, first, std::min(kColumnsAtOnce, image.width - first))) {
      if (here != label) {
        if (label != 0) visit(label, begin, position - begin);
        label = here;
        begin = position;
      }
      ++position;
    }
  }
  if (label != 0) visit(label, begin, position - begin);
}

/// One nucleus's text, read pair by pair.
class RunReader {
 public:
  RunReader(const std::string& text, std::size_t number, std::size_t pixels)
      : at_(text.data()), end_(text.data() + text.size()), number_(number), pixels_(pixels) {}

  /// The next run as positions from 0; false at the end.
  bool next(std::size_t& begin, std::size_t& end) {
    if (at_ == end_) return false;
    const std::size_t start = read_number(), length = read_number();
    if (start == 0 || length == 0) refuse("a start and a length of 1 or more");
    if (start - 1 >= pixels_ || length > pixels_ - (start - 1)) {
      refuse("runs within the picture's " + std::to_string(pixels_) + " pixels");
    }
    begin = start - 1;
    end = begin + length;
    if (begin < last_end_) refuse("runs in increasing order that share no pixel");
    last_end_ = end;
    return true;
  }

  [[noreturn]] void refuse(const std::string& expected) const {
    throw Error(Exit::bad_data, "run-length text " + std::to_string(number_) + ": expected " + expected);
  }

 private:
  std::size_t read_number() {
    std::size_t value = 0;
    if (at_ != end_ && *at_ == ' ') ++at_;
    const auto [stop, error] = std::from_chars(at_, end_, value);
    if (error != std::errc{} || (stop != end_ && *stop != ' ')) refuse("pairs of a start and a length");
    at_ = stop;
    return value;
  }

  const char *at_, *end_;
  std::size_t number_, pixels_, last_end_ = 0;
};

}  // namespace

std::vector<std::string> encode_runs(const LabelImage& image) {
  std::vector<std::string> encoded(image.count);
  for_each_run_down(image, [&](std::uint32_t label, std::size_t begin, std::size_t length) {
    append_run(encoded.at(label - 1), begin, length);
  });
  return encoded;
}

LabelImage decode_runs(int width, int height, std::span<const std::string> encoded) {
  LabelImage image(width, height);
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    RunReader reader(encoded[i], i + 1, image.labels.size());
    for (std::size_t begin = 0, end = 0; reader.next(begin, end);) {
      for (std::size_t position = begin; position < end; ++position) {
        const std::size_t x = position / static_cast<std::size_t>(height),
                          y = position % static_cast<std::size_t>(height);
        std::uint32_t& label = image.labels[image.index(static_cast<int>(x), static_cast<int>(y))];
        if (label != 0) reader.refuse("no pixel of run-length text " + std::to_string(label));
        label = static_cast<std::uint32_t>(i + 1);
      }
    }
  }
  renumber(image);
  return image;
}

std::string kaggle_rows(const std::string& id, const LabelImage& image) {
  const std::string name = csv_field(id);
  std::string rows;
  for (const std::string& runs : encode_runs(image)) {
    if (!runs.empty()) rows.append(name).append(",").append(runs).append("\n");
  }
  return rows.empty() ? name + ",\n" : rows;
}

}  // namespace karyon
