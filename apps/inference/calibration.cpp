#include "apps/inference/calibration.h"

#include <algorithm>
#include <deque>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::size_t kMostPictures = 16;

}  // namespace

void quantise(Predictor& predictor, const Dataset& dataset, const InferOptions& options, Log& log) {
  if (const ActivationRanges& ranges = predictor.description().activation_ranges; !ranges.empty()) {
    return predictor.quantise(ranges);
  }
  const std::size_t count = std::min(dataset.size(), kMostPictures);
  std::deque<EightBits> pictures;
  for (std::size_t i = 0; i < count; ++i) {
    try {
      pictures.emplace_back(dataset.load_example(i * dataset.size() / count).image, options.normalise);
    } catch (const Error& error) {
      if (error.code() != Exit::bad_data && error.code() != Exit::io) throw;  // segment() names it
    }
  }
  if (pictures.empty()) return;
  std::vector<const EightBits*> pointers;
  for (const EightBits& picture : pictures) pointers.push_back(&picture);
  predictor.quantise(predictor.measure_ranges(pointers, options.predict));
  log.note("int8: the model holds no activation ranges, so they are measured on " + std::to_string(pictures.size()) +
           " of these pictures; results depend on which");
}

}  // namespace karyon
