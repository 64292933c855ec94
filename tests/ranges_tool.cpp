// ranges_tool DATA: activation ranges of the model in the box on pictures of DATA, as weights/nuclei.ranges.json.
#include <iostream>

#include "apps/inference/calibration.h"
#include "apps/models/built_in_model.h"
#include "weights/numbers.h"

int main(int argc, char** argv) {
  using namespace karyon;
  if (argc != 2) {
    std::cerr << "usage: ranges_tool DATA\n";
    return static_cast<int>(Exit::usage);
  }
  try {
    Context context(Device{}, 1);
    Predictor predictor(context, load_model(""), model_name(""), ElementType::f32);
    const std::vector<std::filesystem::path> paths{argv[1]};
    std::string text;
    for (const auto& [layer, range] : measure_ranges(predictor, Dataset(paths, Use::inference), Normalise::plain, {})) {
      text += (text.empty() ? "{\n  \"" : ",\n  \"") + layer + "\": [" + number_text(range[0]) + ", " +
              number_text(range[1]) + "]";
    }
    std::cout << text << "\n}\n";
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.code());
  }
  return 0;
}
