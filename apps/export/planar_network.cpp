#include "apps/export/planar_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/check.h"

namespace karyon {

namespace {

struct Extents {
  std::size_t images, channels, pixels;
};

Extents extents_of(const NpyArray& array) {
  KARYON_CHECK(array.shape.size() == 4, "planar arrays have four dimensions");
  return {static_cast<std::size_t>(array.shape[0]), static_cast<std::size_t>(array.shape[1]),
          static_cast<std::size_t>(array.shape[2] * array.shape[3])};
}

}  // namespace

NpyArray planar_logits(Context& context, const UNet& unet, const Normalisation& normalisation, const NpyArray& image) {
  const Extents in = extents_of(image);
  const int height = static_cast<int>(image.shape[2]), width = static_cast<int>(image.shape[3]);
  KARYON_CHECK(in.channels == 3 && height % kSizeMultiple == 0 && width % kSizeMultiple == 0,
               "an image has three channels and sides that are multiples of 32");
  std::vector<float> x(image.values.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t n = i / (3 * in.pixels), pixel = i / 3 % in.pixels, c = i % 3;
    x[i] = image.values[(n * 3 + c) * in.pixels + pixel] * normalisation.scale[c] + normalisation.shift[c];
  }
  const Tensor logits = unet.infer(Tensor::from(context, {static_cast<int>(in.images), height, width, 3}, x));
  const std::vector<float> y = logits.to_vector();
  const std::size_t classes = y.size() / (in.images * in.pixels);
  NpyArray result{{image.shape[0], static_cast<std::int64_t>(classes), height, width}, {}};
  result.values.resize(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t n = i / (classes * in.pixels), pixel = i / classes % in.pixels, c = i % classes;
    result.values[(n * classes + c) * in.pixels + pixel] = y[i];
  }
  return result;
}

NpyArray planar_softmax(const NpyArray& logits) {
  const Extents e = extents_of(logits);
  NpyArray result = logits;
  for (std::size_t n = 0; n < e.images; ++n) {
    for (std::size_t pixel = 0; pixel < e.pixels; ++pixel) {
      const auto at = [&](std::size_t c) -> float& { return result.values[(n * e.channels + c) * e.pixels + pixel]; };
      float highest = at(0), sum = 0;
      for (std::size_t c = 1; c < e.channels; ++c) highest = std::max(highest, at(c));
      for (std::size_t c = 0; c < e.channels; ++c) sum += at(c) = std::exp(at(c) - highest);
      for (std::size_t c = 0; c < e.channels; ++c) at(c) /= sum;
    }
  }
  return result;
}

double largest_difference(const NpyArray& a, const NpyArray& b) {
  KARYON_CHECK(a.shape == b.shape && a.values.size() == b.values.size(), "arrays of one shape are compared");
  double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a.values[i]) - static_cast<double>(b.values[i]));
    if (std::isnan(difference)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, difference);
  }
  return largest;
}

}  // namespace karyon
