#include "apps/training/validation_pictures.h"

#include <map>
#include <memory>

#include "apps/data/synthetic.h"
#include "kernels/check.h"

namespace karyon {

namespace {

Example synthetic_example(const TrainOptions& options, std::int32_t index) {
  const SyntheticPicture made =
      make_synthetic_picture(options.seed, static_cast<std::uint32_t>(index), options.image_size, options.image_size);
  Example example;
  example.image = RawPicture(made.image.width, made.image.height, made.image.channels, 8);
  example.image.narrow = made.image.pixels;
  example.nuclei.emplace(made.instances.begin(), made.instances.end());
  return example;
}

}  // namespace

LoadExample validation_loader(const TrainOptions& options, const TrainingSet& set) {
  if (options.data.empty()) {
    return [&options](std::int32_t index) { return synthetic_example(options, index); };
  }
  const std::filesystem::path path = options.data;
  const auto data = std::make_shared<Dataset>(std::span(&path, 1), Use::checking);
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < data->size(); ++i) places.emplace(data->id(i), i);
  return [data, &set, places = std::move(places), source = options.data](std::int32_t index) {
    const std::string& id = set.ids[static_cast<std::size_t>(index)];
    const auto place = places.find(id);
    if (place == places.end()) throw Error(Exit::no_input, source + ": the picture " + id + " is no longer there");
    return data->load_example(place->second);
  };
}

}  // namespace karyon
