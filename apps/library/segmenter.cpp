// The public Segmenter: a device, a predictor on it, and what infer_unet does with a picture.
// Invariant: of Karyon's own types and exceptions none leaves this file.
#include <algorithm>
#include <new>
#include <string>

#include <karyon/karyon.h>
#include <omp.h>

#include "apps/cli/cpus.h"
#include "apps/cli/device.h"
#include "apps/inference/predictor.h"
#include "apps/library/checked_image.h"
#include "apps/models/built_in_model.h"
#include "apps/nuclei/regions.h"
#include "kernels/check.h"

namespace karyon {

namespace {

constexpr int kMostThreads = 1024;
constexpr double kMostScale = 16;

/// What body() returns; whatever it throws becomes a Failure.
template <typename Body>
auto with_failures(const Body& body) {
  const auto failure = [](Exit code, const std::string& message) { return Failure(static_cast<int>(code), message); };
  try {
    return body();
  } catch (const Error& error) {
    throw failure(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw failure(Exit::out_of_memory, "out of memory; a smaller picture needs less");
  } catch (const std::exception& error) {
    throw failure(Exit::unexpected, error.what());
  }
}

/// The number of OpenMP threads belongs to the caller's thread, and the kernels set it.
class OpenMpThreads {
 public:
  OpenMpThreads() = default;
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;
  ~OpenMpThreads() { omp_set_num_threads(before_); }

 private:
  int before_ = omp_get_max_threads();
};

int checked_threads(int threads) {
  if (threads < 0 || threads > kMostThreads) {
    throw Error(Exit::usage, "threads " + std::to_string(threads) + ": expected 0 (all that are allowed) to " +
                                 std::to_string(kMostThreads));
  }
  return threads == 0 ? std::min(allowed_cpus(), kMostThreads) : threads;
}

Device device_of(const SegmenterSettings& settings) {
  Log silent(Verbosity::quiet);
  return choose_device(settings.device, silent);
}

PredictSettings predict_settings(const SegmenterSettings& settings) {
  PredictSettings predict;
  predict.flips = settings.flips;
  if (!settings.scale) return predict;
  if (!(*settings.scale > 0 && *settings.scale <= kMostScale)) {
    throw Error(Exit::usage, "scale " + std::to_string(*settings.scale) + ": expected above 0, to 16");
  }
  predict.scale = *settings.scale;
  return predict;
}

SplitSettings chosen_split(const SegmenterSettings& settings, const Checkpoint& model) {
  SplitSettings split = split_settings(model);
  if (settings.threshold) split.threshold = static_cast<float>(*settings.threshold);
  if (settings.min_area) split.min_area = *settings.min_area;
  check_split_settings(split);
  return split;
}

std::vector<Nucleus> measured(const RawPicture& picture, const LabelImage& labels) {
  const std::vector<Region> regions = measure_regions(labels, picture);
  std::vector<Nucleus> nuclei;
  nuclei.reserve(regions.size());
  for (const Region& r : regions) {
    nuclei.push_back({r.label, r.area, r.centroid_x, r.centroid_y, r.box.x, r.box.y, r.box.width, r.box.height,
                      r.eccentricity, r.major_axis, r.minor_axis, r.mean_intensity});
  }
  return nuclei;
}

}  // namespace

class Segmenter::Engine {
 public:
  explicit Engine(const SegmenterSettings& settings)
      : predict_(predict_settings(settings)),
        normalise_(settings.percentile ? Normalise::percentile : Normalise::plain),
        context_(device_of(settings), checked_threads(settings.threads)),
        predictor_(context_, load_model(settings.model), model_name(settings.model), ElementType::f32),
        split_(chosen_split(settings, predictor_.description())) {}

  Nuclei segment(const ImageView& image) {
    const EightBits picture(checked_image(image), normalise_);
    const EightBits* const one[] = {&picture};
    std::vector<ProbabilityMaps> maps = predictor_.predict(one, predict_);
    ProbabilityMaps& of_picture = maps.front();
    LabelImage labels = split_nuclei(of_picture.width, of_picture.height, of_picture.nucleus, of_picture.interior,
                                     split_, context_.stream().threads());
    std::vector<Nucleus> regions = measured(picture.raw(), labels);
    return {labels.width,      labels.height, labels.count, std::move(labels.labels), std::move(of_picture.nucleus),
            std::move(regions)};
  }

 private:
  PredictSettings predict_;
  Normalise normalise_;
  Context context_;
  Predictor predictor_;
  SplitSettings split_;
};

Segmenter::Segmenter(const SegmenterSettings& settings)
    : engine_(with_failures([&] {
        const OpenMpThreads restored;
        return std::make_unique<Engine>(settings);
      })) {}

Segmenter::Segmenter(Segmenter&&) noexcept = default;
Segmenter& Segmenter::operator=(Segmenter&&) noexcept = default;
Segmenter::~Segmenter() = default;

Nuclei Segmenter::segment(const ImageView& image) {
  return with_failures([&] {
    const OpenMpThreads restored;
    return engine_->segment(image);
  });
}

}  // namespace karyon
