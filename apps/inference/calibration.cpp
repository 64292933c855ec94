#include "apps/inference/calibration.h"

#include <algorithm>

#include "kernels/check.h"

namespace karyon {

ActivationRanges measure_ranges(Predictor& predictor, const Dataset& dataset, Normalise normalise,
                                const PredictSettings& settings) {
  RangeMeter meter;
  predictor.observe(meter.observer());
  const std::size_t count = std::min(dataset.size(), kCalibrationPictures);
  for (std::size_t i = 0; i < count; ++i) {
    try {
      const EightBits picture(dataset.load_example(i * dataset.size() / count).image, normalise);
      const EightBits* one = &picture;
      static_cast<void>(predictor.predict({&one, 1}, settings));
    } catch (const Error& error) {
      // It is named when its turn comes.
      if (error.code() != Exit::bad_data && error.code() != Exit::no_input && error.code() != Exit::io) throw;
    }
  }
  predictor.observe({});
  return meter.ranges();
}

void quantise(Predictor& predictor, const Dataset& dataset, const InferOptions& options, Log& log) {
  ActivationRanges ranges = predictor.description().activation_ranges;
  if (ranges.empty()) {
    log.note("int8: the model holds no activation ranges; they are measured on up to " +
             std::to_string(kCalibrationPictures) + " of these pictures, and results depend on which");
    ranges = measure_ranges(predictor, dataset, options.normalise, options.predict);
  }
  if (!ranges.empty()) predictor.quantise(ranges);
}

}  // namespace karyon
