// drawing_tool FOLDER: every picture that a training run makes, from made-up data, to be looked at.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/data/synthetic.h"
#include "apps/data/training_set.h"
#include "apps/drawing/curves.h"
#include "apps/drawing/model_picture.h"
#include "apps/drawing/panels.h"
#include "engine/files.h"
#include "kernels/check.h"

namespace karyon {
namespace {

void save(const std::filesystem::path& folder, const std::string& name, const Canvas& canvas) {
  write_file(folder / (name + ".png"), canvas.png());
  write_file(folder / (name + ".svg"), canvas.svg());
  std::printf("%s\n", (folder / name).c_str());
}

/// From `start` to `end`, with noise that repeats.
std::vector<double> learning_curve(int epochs, double start, double end, double noise) {
  std::vector<double> values;
  for (int i = 0; i < epochs; ++i) {
    const double wave = std::sin(i * 1.7) + std::sin(i * 0.61 + 2) + std::sin(i * 4.3 + 1);
    values.push_back(end + (start - end) * std::exp(-i * 8.0 / (epochs + 6)) + noise * wave);
  }
  return values;
}

std::vector<CurvePlot> plots(int epochs, int best) {
  const auto both = [&](double start, double end, double noise) {
    return std::vector<Curve>{{"training", learning_curve(epochs, start, end, noise / 4)},
                              {"validation", learning_curve(epochs, start * 0.98, end * 0.985, noise)}};
  };
  std::vector<double> rate = learning_curve(epochs, 1e-3, 1e-4, 0);
  return {{"Accuracy", "of pixels", both(0.82, 0.965, 0.002), best},
          {"Loss", "cross-entropy", both(0.62, 0.09, 0.006), best},
          {"IoU", "of nuclei", both(0.35, 0.76, 0.008), best},
          {"Dice", "of nuclei", both(0.5, 0.865, 0.008), best},
          {"Learning rate", "", {{"learning rate", rate}}, 0}};
}

void save_curves(const std::filesystem::path& folder) {
  save(folder, "results_1", draw_curves("Training of 1 epoch", plots(1, 1)));
  save(folder, "results_3", draw_curves("Training of 3 epochs", plots(3, 3)));
  save(folder, "results_100", draw_curves("runs/train/exp - 100 epochs", plots(100, 83)));
  std::vector<CurvePlot> odd = plots(12, 7);
  odd[0].curves[0].values[4] = NAN;
  odd[0].title = "A title that is much longer than the place that a plot has for it, to see it shortened in its middle";
  odd[1].curves[0].values.assign(12, 0.25);
  odd[1].curves[1].values.assign(12, 0.25);
  odd[2].curves.push_back({"a third curve with a name of some length", learning_curve(12, 0.2, 0.9, 0.02)});
  odd[3].curves = {{"training", {}}, {"validation", {}}};
  save(folder, "results_odd", draw_curves("Gaps, constants, long names, nothing", odd));
}

std::size_t index_of(int y, int x, int size) {
  return static_cast<std::size_t>(y) * static_cast<std::size_t>(size) + static_cast<std::size_t>(x);
}

/// The label moved by some pixels and with a corner left out, as an imperfect network would find it.
std::vector<std::uint8_t> imperfect(std::span<const std::uint8_t> label, int size, int shift) {
  std::vector<std::uint8_t> found(label.size());
  for (int y = shift; y < size; ++y) {
    for (int x = shift; x < size; ++x) {
      const bool left_out = y < size / 6 && x > size / 2;
      found[index_of(y, x, size)] = left_out ? 0 : label[index_of(y - shift, x - shift, size)];
    }
  }
  return found;
}

/// The label's mean over 7 x 7 pixels.
std::vector<float> smeared(std::span<const std::uint8_t> label, int size) {
  std::vector<float> probability(label.size());
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      float sum = 0;
      for (int v = std::max(0, y - 3); v <= std::min(size - 1, y + 3); ++v) {
        for (int u = std::max(0, x - 3); u <= std::min(size - 1, x + 3); ++u) sum += label[index_of(v, u, size)];
      }
      probability[index_of(y, x, size)] = 0.02F + 0.96F * sum / 49;
    }
  }
  return probability;
}

void save_panels(const std::filesystem::path& folder, const TrainingSet& set) {
  const auto size = static_cast<std::size_t>(set.height) * static_cast<std::size_t>(set.width);
  const std::span<const std::uint8_t> images = set.images, labels = set.labels;
  std::vector<std::vector<std::uint8_t>> found;
  std::vector<std::vector<float>> probabilities;
  std::vector<Panel> panels;
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const auto label = labels.subspan(i * size, size);
    samples.push_back({set.ids[i], images.subspan(3 * i * size, 3 * size), label});
  }
  for (std::size_t i = 0; i < 4; ++i) {
    found.push_back(imperfect(samples[i].label, set.width, static_cast<int>(i)));
    probabilities.push_back(smeared(found.back(), set.width));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    panels.push_back({samples[i].id, samples[i].image, samples[i].label, found[i], probabilities[i]});
  }
  panels[1].id =
      "00ae65c1c6631ae6f2be1a449902976e6eb8483bf6b0740d00530220832c6d3e_and_more_of_a_name_that_does_not_end.png";
  save(folder, "panels_heat", draw_panels("Epoch 10 - val accuracy 0.962", set.height, set.width, panels));
  for (Panel& panel : panels) panel.probability = {};
  save(folder, "panels", draw_panels("Epoch 10 - val accuracy 0.962", set.height, set.width, panels));
  save(folder, "sheet", draw_sheet("Training samples as the network sees them", set.height, set.width, samples));
}

void save_model(const std::filesystem::path& folder) {
  Context context({}, 1);
  UNet unet(context, UNetOptions());
  save(folder, "model", draw_model("U-Net with MobileNetV2 encoder", summarise(unet, 128, 128)));
  unet.encoder().set_frozen(true);
  save(folder, "model_frozen", draw_model("U-Net with MobileNetV2 encoder", summarise(unet, 1024, 1024)));
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) throw Error(Exit::usage, "usage: drawing_tool FOLDER");
  const std::filesystem::path folder = arguments[0];
  std::filesystem::create_directories(folder);
  save_curves(folder);
  save_model(folder);
  save_panels(folder, make_synthetic_set(7, 15, 128, 128, 1));
  return 0;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    return karyon::run({argv + 1, argv + argc});
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "drawing_tool: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
