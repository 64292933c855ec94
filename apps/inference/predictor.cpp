#include "apps/inference/predictor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "apps/images/resize.h"
#include "apps/inference/tiles.h"
#include "apps/models/model_file.h"
#include "kernels/augment.h"
#include "kernels/copy.h"
#include "kernels/resize.h"
#include "kernels/softmax.h"

namespace karyon {

namespace {

constexpr int kBatchSide = 128;  // of the pictures that batch_size counts
constexpr std::uint8_t kLeftRight = 1, kUpDown = 2, kAllFlips = 4;

struct Size {
  int height = 0, width = 0;
};

/// Of the picture that the network sees.
Size network_size(const Checkpoint& model, int width, int height, double scale) {
  if (scale == 0 && model.scale == "resized") return {model.image_height, model.image_width};
  const double by = scale == 0 ? 1 : scale;
  const auto scaled = [by](int side) { return std::max(1, static_cast<int>(std::lround(side * by))); };
  return {scaled(height), scaled(width)};
}

std::uint8_t byte_of(float probability) {
  return static_cast<std::uint8_t>(std::lround(std::clamp(probability, 0.0F, 1.0F) * 255.0F));
}

/// Mirrors pictures of rows x columns pixels, `channels` numbers each.
template <class Iterator>
void turn(Iterator begin, Iterator end, int rows, int columns, int channels, std::uint8_t flip) {
  const std::ptrdiff_t row = std::ptrdiff_t{columns} * channels;
  for (Iterator at = begin; at != end && (flip & kUpDown) != 0; at += rows * row) {
    for (std::ptrdiff_t y = 0; y < rows / 2; ++y) {
      std::swap_ranges(at + y * row, at + (y + 1) * row, at + (rows - 1 - y) * row);
    }
  }
  for (Iterator at = begin; at != end && (flip & kLeftRight) != 0; at += row) {
    for (std::ptrdiff_t u = 0; u < row / 2; u += channels) {
      std::swap_ranges(at + u, at + u + channels, at + row - u - channels);
    }
  }
}

/// A probability of every pixel, put together row of windows by row of windows.
struct Plane {
  std::vector<float> strip;          // sums of the windows under way, network's width each row
  std::vector<float> whole;          // rows that are final, where the picture's size is another one
  std::vector<std::uint8_t>* bytes;  // rows that are final, at the picture's own size
};

}  // namespace

/// One picture on its way through the network.
class Predictor::Job {
 public:
  Job(Context& context, const EightBits& picture, const Checkpoint& model, const PredictSettings& settings,
      ProbabilityMaps& maps)
      : context_(context),
        picture_(picture),
        maps_(maps),
        size_(network_size(model, picture.width(), picture.height(), settings.scale)),
        resized_(size_.width != picture.width() || size_.height != picture.height()),
        down_(plan_axis(size_.height, settings.tile, settings.overlap)),
        across_(plan_axis(size_.width, settings.tile, settings.overlap)),
        planes_(model.classes > 2 ? 2 : 1) {}

  [[nodiscard]] Size window() const { return {down_.length, across_.length}; }
  [[nodiscard]] std::size_t rows() const { return down_.starts.size(); }
  [[nodiscard]] std::size_t columns() const { return across_.starts.size(); }

  /// The window's pixels, RGB.
  void cut(std::size_t row, std::size_t column, std::uint8_t* to) {
    if (!begun_) begin();
    const EightBits& from = resized_ ? *network_picture_ : picture_;
    from.window_rgb(across_.starts[column], down_.starts[row], across_.length, down_.length, to);
  }

  /// Adds a window's probabilities, interleaved classes, times `share`.
  void add(std::size_t row, std::size_t column, const float* probabilities, std::size_t classes, float share) {
    const int top = down_.starts[row], left = across_.starts[column];
    const int height = std::min(down_.length, size_.height - top), width = std::min(across_.length, size_.width - left);
    for (int y = 0; y < height; ++y) {
      const float of_row = share * down_.weights[row][static_cast<std::size_t>(y)];
      const float* p = probabilities + static_cast<std::size_t>(y) * static_cast<std::size_t>(across_.length) * classes;
      const std::size_t at = strip_at(top + y) + static_cast<std::size_t>(left);
      for (int x = 0; x < width; ++x, p += classes) {
        const float weight = of_row * across_.weights[column][static_cast<std::size_t>(x)];
        planes_[0].strip[at + static_cast<std::size_t>(x)] += weight * (1 - p[0]);
        if (planes_.size() > 1) planes_[1].strip[at + static_cast<std::size_t>(x)] += weight * p[1];
      }
    }
  }

  /// All windows of the row are added: what no later row touches is final.
  void finish_row(std::size_t row) {
    const bool last = row + 1 == rows();
    const int end = last ? size_.height : down_.starts[row + 1];
    for (Plane& plane : planes_) {
      const auto count = static_cast<std::size_t>(end - strip_top_) * static_cast<std::size_t>(size_.width);
      const std::size_t at = static_cast<std::size_t>(strip_top_) * static_cast<std::size_t>(size_.width);
      if (resized_) {
        std::copy_n(plane.strip.begin(), count, plane.whole.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        std::transform(plane.strip.begin(), plane.strip.begin() + static_cast<std::ptrdiff_t>(count),
                       plane.bytes->begin() + static_cast<std::ptrdiff_t>(at), byte_of);
      }
      std::move(plane.strip.begin() + static_cast<std::ptrdiff_t>(count), plane.strip.end(), plane.strip.begin());
      std::fill(plane.strip.end() - static_cast<std::ptrdiff_t>(count), plane.strip.end(), 0.0F);
    }
    strip_top_ = end;
    if (last) finish();
  }

 private:
  void begin() {
    begun_ = true;
    maps_.width = picture_.width();
    maps_.height = picture_.height();
    planes_[0].bytes = &maps_.nucleus;
    if (planes_.size() > 1) planes_[1].bytes = &maps_.interior;
    for (Plane& plane : planes_) {
      plane.bytes->resize(static_cast<std::size_t>(maps_.width) * static_cast<std::size_t>(maps_.height));
      plane.strip.resize(static_cast<std::size_t>(down_.length) * static_cast<std::size_t>(size_.width));
      if (resized_) plane.whole.resize(static_cast<std::size_t>(size_.height) * static_cast<std::size_t>(size_.width));
    }
    if (resized_) network_picture_.emplace(resized(context_.stream(), picture_, size_.height, size_.width));
  }

  static EightBits resized(Stream& stream, const EightBits& from, int height, int width) {
    Picture rgb(from.width(), from.height(), 3);
    from.window_rgb(0, 0, from.width(), from.height(), rgb.pixels.data());
    RawPicture small(width, height, 3, 8);
    resize_picture(stream, rgb, height, width, small.narrow.data());
    return EightBits(std::move(small), Normalise::plain);
  }

  void finish() {
    network_picture_.reset();
    for (Plane& plane : planes_) {
      plane.strip = {};
      if (!resized_) continue;
      std::vector<float> full(plane.bytes->size());
      Stream& stream = context_.stream();
      cpu::resize_bilinear(stream, ConstFloatView(plane.whole.data(), 1, size_.height, size_.width, 1),
                           FloatView(full.data(), 1, maps_.height, maps_.width, 1));
      std::ranges::transform(full, plane.bytes->begin(), byte_of);
      plane.whole = {};
    }
  }

  [[nodiscard]] std::size_t strip_at(int row) const {
    return static_cast<std::size_t>(row - strip_top_) * static_cast<std::size_t>(size_.width);
  }

  Context& context_;
  const EightBits& picture_;
  ProbabilityMaps& maps_;
  Size size_;  // of the picture that the network sees
  bool resized_;
  TileAxis down_, across_;
  std::vector<Plane> planes_;  // nucleus, and interior where the model knows of it
  std::optional<EightBits> network_picture_;
  bool begun_ = false;
  int strip_top_ = 0;  // row of the picture that the strip begins with
};

SplitSettings split_settings(const Checkpoint& model) {
  SplitSettings split;
  split.threshold = static_cast<float>(model.threshold);
  split.marker_threshold = static_cast<float>(model.marker_threshold);
  split.min_area = model.min_area;
  return split;
}

Predictor::Predictor(Context& context, Checkpoint checkpoint, const std::string& source, ElementType type)
    : context_(context), type_(type), description_(std::move(checkpoint)) {
  unet_ = load_unet(context, description_, source);
  description_.tensors.clear();
  description_.tensors.shrink_to_fit();
}

std::size_t Predictor::windows(int width, int height, const PredictSettings& settings) const {
  const Size size = network_size(description_, width, height, settings.scale);
  return plan_axis(size.height, settings.tile, settings.overlap).starts.size() *
         plan_axis(size.width, settings.tile, settings.overlap).starts.size();
}

std::vector<ProbabilityMaps> Predictor::predict(std::span<const EightBits* const> pictures,
                                                const PredictSettings& settings, const Progress& progress) {
  std::vector<ProbabilityMaps> maps(pictures.size());
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<Window> windows;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    jobs.push_back(std::make_unique<Job>(context_, *pictures[i], description_, settings, maps[i]));
    for (std::size_t row = 0; row < jobs[i]->rows(); ++row) {
      for (std::size_t column = 0; column < jobs[i]->columns(); ++column)
        windows.push_back({jobs[i].get(), row, column});
    }
  }
  // Windows of one size go through together, those of one picture in their order.
  std::ranges::stable_sort(windows, {},
                           [](const Window& w) { return std::pair(w.job->window().height, w.job->window().width); });
  for (std::size_t first = 0, count = 0; first < windows.size(); first += count) {
    const Size size = windows[first].job->window();
    const auto same = [&](const Window& w) {
      return w.job->window().height == size.height && w.job->window().width == size.width;
    };
    const std::size_t most =
        std::max<std::size_t>(1, static_cast<std::size_t>(settings.batch_size) * kBatchSide * kBatchSide /
                                     (static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width)));
    for (count = 1; count < most && first + count < windows.size() && same(windows[first + count]);) ++count;
    compute(std::span(windows).subspan(first, count), settings);
    if (progress) progress(count);
  }
  return maps;
}

void Predictor::compute(std::span<const Window> windows, const PredictSettings& settings) {
  const Size size = windows[0].job->window();
  const std::size_t bytes = static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) * 3;
  std::vector<std::uint8_t> pixels(windows.size() * bytes);
  for (std::size_t i = 0; i < windows.size(); ++i)
    windows[i].job->cut(windows[i].row, windows[i].column, &pixels[i * bytes]);
  const std::uint8_t flips = settings.flips ? kAllFlips : 1;
  std::vector<std::vector<float>> results;
  for (std::uint8_t flip = 0; flip < flips; ++flip) {
    results.push_back(probabilities(pixels, static_cast<int>(windows.size()), size.height, size.width, flip));
  }
  // Window by window, for a strip has no room for the next row's windows before its own row is final.
  const std::size_t step = results[0].size() / windows.size();
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto [job, row, column] = windows[i];
    for (const std::vector<float>& result : results) {
      job->add(row, column, &result[i * step], static_cast<std::size_t>(description_.classes),
               1.0F / static_cast<float>(flips));
    }
    if (column + 1 == job->columns()) job->finish_row(row);
  }
}

void Predictor::quantise(const ActivationRanges& ranges) {
  quantised_ = std::make_unique<QuantisedUNet>(context_, *unet_, description_.normalisation, ranges);
}

/// Of n windows' pixels shown with this flip: interleaved classes, turned back.
std::vector<float> Predictor::probabilities(std::span<const std::uint8_t> pixels, int n, int height, int width,
                                            std::uint8_t flip) {
  const Tensor logits =
      quantised_ ? int8_logits(pixels, n, height, width, flip) : float_logits(pixels, n, height, width, flip);
  ON_DEVICE(softmax, context_.stream(), logits.view(), logits.view());
  std::vector<float> values = logits.to_vector();
  turn(values.begin(), values.end(), height, width, description_.classes, flip);
  return values;
}

Tensor Predictor::float_logits(std::span<const std::uint8_t> pixels, int n, int height, int width, std::uint8_t flip) {
  Stream& stream = context_.stream();
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const std::vector<std::uint8_t> flips(order.size(), flip);
  const Buffer images(context_, pixels.size()), index(context_, order.size() * sizeof(std::int32_t)),
      flip_of(context_, flips.size());
  upload(stream, images.as<void>(), pixels.data(), pixels.size());
  upload(stream, index.as<void>(), order.data(), order.size() * sizeof(std::int32_t));
  upload(stream, flip_of.as<void>(), flips.data(), flips.size());
  const Tensor x = Tensor::empty(context_, {n, height, width, 3}, type_);
  with_type(type_, [&]<class T>() {
    ON_DEVICE_AS((T), augment_images, stream, images.as<std::uint8_t>(), index.as<std::int32_t>(),
                 flip_of.as<std::uint8_t>(), description_.normalisation, x.view<T>());
  });
  return unet_->infer(x, observer_);
}

Tensor Predictor::int8_logits(std::span<const std::uint8_t> pixels, int n, int height, int width, std::uint8_t flip) {
  std::vector<std::uint8_t> images(pixels.size() + 1);  // and one to read
  std::ranges::copy(pixels, images.begin());
  turn(images.begin(), images.end() - 1, height, width, 3, flip);
  return quantised_->infer(images.data(), n, height, width);
}

}  // namespace karyon
