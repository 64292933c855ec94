#include "tests/data_fixtures.h"
#include "tests/seeds.h"

namespace karyon {

std::vector<Seed> keras_zip_seeds() {
  const std::string config = R"({"class_name":"Functional","config":{"layers":[{"class_name":"BatchNormalization",)"
                             R"("config":{"name":"bn_Conv1","epsilon":0.001}}]}})";
  const TempDir dir;
  const std::filesystem::path path =
      make_zip(dir / "a.keras", {{"config.json", to_bytes(config)}, {"model.weights.h5", hdf5_seeds().back().bytes}});
  return {{"small.keras", read_file(path), {}}};
}

}  // namespace karyon
