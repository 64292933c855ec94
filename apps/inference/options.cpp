#include "apps/inference/options.h"

#include "kernels/check.h"
#include "model/unet.h"

namespace karyon {

InferOptions parse_infer_options(int argc, const char* const* argv) {
  InferOptions o;
  CommandLine line("infer_unet", "Finds cell nuclei in microscope pictures with a model that train_unet made.");
  std::string data;
  line.app().add_option(
      "PATH", o.inputs,
      "Pictures, folders of pictures, zips, patterns ('*.tif'), or - for a list on standard input; where "
      "masks lie beside them, scores are printed");
  line.text("-d,--data", data, "The same as PATH, as train_unet takes it");
  line.text("-m,--model", o.model,
            "A checkpoint of train_unet (RUN/weights/best.safetensors); without it the model in the box");
  line.text("-o,--out", o.out, "Where results go; by default runs/infer/exp, exp2, ...");
  line.toggle("exist-ok", o.exist_ok, "Write into --out even if it is not empty");
  double threshold = 0.5;
  int min_area = 0, fill_holes = 0;
  const CLI::Option* threshold_given =
      line.number("--threshold", threshold, 0.0, 1.0,
                  "A pixel is nucleus from this probability on; by default the model's own")
          ->default_str("");
  const CLI::Option* min_area_given =
      line.number("--min-area", min_area, 0, 1 << 30, "Drop nuclei of fewer pixels; by default the model's own")
          ->default_str("");
  const CLI::Option* fill_holes_given =
      line.number("--fill-holes", fill_holes, 0, 1 << 30, "Fill holes of fewer pixels within nuclei; by default 32")
          ->default_str("");
  CLI::Option* batch = line.number("-b,--batch-size", o.predict.batch_size, 1, 65536,
                                   "Pictures of 128x128, or as many pixels, computed together; 32 with --bench");
  line.number("--scale", o.predict.scale, 0.0, 16.0,
              "Show the network the pictures this many times as large; 0: as the model was trained");
  line.number("--tile", o.predict.tile, 2 * kSizeMultiple, 8192,
              "Side of the windows that large pictures are cut into");
  line.number("--overlap", o.predict.overlap, 0, 4096, "Pixels that neighbouring windows share");
  line.toggle("flips", o.predict.flips, "Average over the picture and its mirror images: four times the work");
  std::string normalise = "plain";
  line.text(
          "--normalise", normalise,
          "plain: 8 bits as they are, of 16 the high byte; percentile: the 1st becomes 0, the 99.8th 255, for 16 bits "
          "and low contrast")
      ->check([](const std::string& word) {
        return word == "plain" || word == "percentile" ? "" : "'" + word + "' is neither plain nor percentile";
      });
  int page = 1;
  line.number("--page", page, 1, 1 << 20, "Which page of a TIFF");
  line.toggle("masks", o.outputs.masks, "Write masks/<id>.png, 0 and 255");
  line.toggle("labels", o.outputs.labels, "Write labels/<id>.png, 16 bits, each nucleus its number (.tif above 65535)");
  line.toggle("overlays", o.outputs.overlays, "Write overlays/<id>.png, the nuclei outlined on the picture");
  line.toggle("table", o.outputs.table, "Write nuclei.csv: place, size, shape and intensity of every nucleus");
  line.toggle("save-prob", o.outputs.probabilities, "Write prob/<id>.png, the probability of nucleus, 0 to 255");
  line.toggle("geojson", o.outputs.geojson, "Write geojson/<id>.geojson, the nuclei as polygons (QuPath)");
  line.toggle("gallery", o.outputs.gallery, "Write gallery.html, all pictures with their nuclei in one file");
  line.text("--kaggle-csv", o.outputs.kaggle_csv, "Write run lengths to this file: ImageId,EncodedPixels");
  line.number("--pixel-size", o.outputs.pixel_size, 0.0, 1e6, "Micrometres a pixel, for the table; 0: not known");
  line.number("--max-pixels", o.max_pixels, std::uint64_t{1}, std::uint64_t{1} << 31,
              "Refuse pictures of more pixels before decoding them");
  line.number("--image-size", o.image_size, kSizeMultiple, 4096, "Size of the random images of --bench");
  line.number("--seed", o.seed, std::uint64_t{0}, std::uint64_t{INT64_MAX},
              "Seed of the random images and weights of --bench");
  line.number("--bench", o.bench_steps, 0, 1000000, "Time so many batches of random images, and stop");
  add_export_flags(line, o.exports);
  add_common_flags(line, o.common);
  line.parse(argc, argv);

  if (!data.empty()) o.inputs.push_back(data);
  if (line.is_given(threshold_given)) o.threshold = threshold;
  if (line.is_given(min_area_given)) o.min_area = min_area;
  if (line.is_given(fill_holes_given)) o.fill_holes = fill_holes;
  o.normalise = normalise == "plain" ? Normalise::plain : Normalise::percentile;
  o.page = page - 1;
  if (o.bench_steps > 0 && batch->count() == 0) o.predict.batch_size = 32;
  if (o.predict.tile % kSizeMultiple != 0 || o.predict.overlap % kSizeMultiple != 0 ||
      o.predict.overlap > o.predict.tile / 2) {
    throw Error(Exit::usage, "--tile " + std::to_string(o.predict.tile) + " --overlap " +
                                 std::to_string(o.predict.overlap) + ": expected multiples of " +
                                 std::to_string(kSizeMultiple) + ", the overlap at most half of the tile");
  }
  if (o.image_size % kSizeMultiple != 0) {
    throw Error(Exit::usage, "--image-size " + std::to_string(o.image_size) + ": expected a multiple of " +
                                 std::to_string(kSizeMultiple));
  }
  if (o.exports.any() && !o.inputs.empty()) {
    throw Error(Exit::usage, "--export-... and --self-test take no pictures: run infer_unet once for each");
  }
  if (o.bench_steps == 0 && o.inputs.empty() && !o.exports.any()) {
    throw Error(Exit::usage, "no pictures: name files, folders or zips");
  }
  return o;
}

}  // namespace karyon
