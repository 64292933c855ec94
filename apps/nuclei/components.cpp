#include "apps/nuclei/components.h"

#include <algorithm>
#include <limits>

#include "kernels/check.h"

namespace karyon {

namespace {

/// Union-find over runs, each set named by its first run: Run::component holds a run nearer to that one, or itself.
std::uint32_t first_run(std::vector<Run>& runs, std::uint32_t run) {
  while (runs[run].component != run) {
    runs[run].component = runs[runs[run].component].component;  // path halving
    run = runs[run].component;
  }
  return run;
}

void join(std::vector<Run>& runs, std::uint32_t a, std::uint32_t b) {
  a = first_run(runs, a);
  b = first_run(runs, b);
  runs[std::max(a, b)].component = std::min(a, b);
}

void append_runs_of_row(std::span<const std::uint8_t> row, int y, std::uint8_t level, std::vector<Run>& runs) {
  const auto on = [level](std::uint8_t value) { return value >= level; };
  for (auto at = row.begin(); (at = std::find_if(at, row.end(), on)) != row.end();) {
    const auto end = std::find_if_not(at, row.end(), on);
    KARYON_CHECK(runs.size() < std::numeric_limits<std::uint32_t>::max(), "fewer than 2^32 runs");
    runs.push_back({y, static_cast<int>(at - row.begin()), static_cast<int>(end - row.begin()),
                    static_cast<std::uint32_t>(runs.size())});
    at = end;
  }
}

/// Joins the runs [above, here) of one row with the runs [here, end) of the next, both from left to right.
void join_rows(std::vector<Run>& runs, std::size_t above, std::size_t here, int reach) {
  const std::size_t end = runs.size();
  for (std::size_t a = above, b = here; a < here && b < end;) {
    if (runs[a].begin < runs[b].end + reach && runs[b].begin < runs[a].end + reach) {
      join(runs, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
    }
    runs[a].end < runs[b].end ? ++a : ++b;
  }
}

}  // namespace

Components find_components(int width, int height, std::span<const std::uint8_t> plane, std::uint8_t level,
                           Connectivity connectivity) {
  const auto w = static_cast<std::size_t>(width);
  KARYON_CHECK(plane.size() == w * static_cast<std::size_t>(height), "a plane of height * width");
  Components found;
  std::size_t above = 0;
  for (int y = 0; y < height; ++y) {
    const std::size_t here = found.runs.size();
    append_runs_of_row(plane.subspan(static_cast<std::size_t>(y) * w, w), y, level, found.runs);
    join_rows(found.runs, above, here, connectivity == Connectivity::eight ? 1 : 0);
    above = here;
  }
  // From run numbers to component numbers: a set's first run comes before the others.
  for (std::uint32_t run = 0; run < found.runs.size(); ++run) {
    const std::uint32_t parent = found.runs[run].component;
    found.runs[run].component = parent == run ? ++found.count : found.runs[parent].component;
  }
  return found;
}

LabelImage label_components(int width, int height, std::span<const std::uint8_t> mask, Connectivity connectivity) {
  const Components found = find_components(width, height, mask, 1, connectivity);
  LabelImage image(width, height);
  image.count = found.count;
  for (const Run& run : found.runs) {
    std::fill_n(&image.labels[image.index(run.begin, run.y)], run.end - run.begin, run.component);
  }
  return image;
}

}  // namespace karyon
