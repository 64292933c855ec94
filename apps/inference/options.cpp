#include "apps/inference/options.h"

#include "kernels/check.h"
#include "model/unet.h"

namespace karyon {

InferOptions parse_infer_options(int argc, const char* const* argv) {
  InferOptions o;
  CommandLine line("infer_unet", "Finds cell nuclei in microscope pictures with a model that train_unet made.");
  std::string data;
  line.app().add_option("PATH", o.inputs,
                        "Pictures, folders of pictures or zips; where masks lie beside them, scores are printed");
  line.text("-d,--data", data, "The same as PATH, as train_unet takes it");
  line.text("-m,--model", o.model, "The model: a checkpoint of train_unet (RUN/weights/best.safetensors)");
  line.text("-o,--out", o.out, "Where results go; by default runs/infer/exp, exp2, ...");
  line.toggle("exist-ok", o.exist_ok, "Write into --out even if it is not empty");
  CLI::Option* threshold = line.number("--threshold", o.threshold, 0.0, 1.0,
                                       "A pixel is nucleus from this probability on; by default the model's own");
  threshold->default_str("");
  CLI::Option* batch = line.number("-b,--batch-size", o.batch_size, 1, 65536,
                                   "Pictures computed together, all of them held in memory; 32 with --bench");
  line.toggle("save-prob", o.save_prob, "Also write the probability maps, 0 to 255");
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
  o.threshold_given = threshold->count() > 0;
  if (o.bench_steps > 0 && batch->count() == 0) o.batch_size = 32;
  if (o.image_size % kSizeMultiple != 0) {
    throw Error(Exit::usage, "--image-size " + std::to_string(o.image_size) + ": expected a multiple of " +
                                 std::to_string(kSizeMultiple));
  }
  if (o.exports.any() && !o.inputs.empty()) {
    throw Error(Exit::usage, "--export-... and --self-test take no pictures: run infer_unet once for each");
  }
  if (o.bench_steps == 0 && o.model.empty() && (o.exports.needs_model() || !o.exports.any())) {
    throw Error(Exit::usage,
                "--model is missing: name a checkpoint of train_unet, such as runs/train/exp/weights/best.safetensors");
  }
  if (o.bench_steps == 0 && o.inputs.empty() && !o.exports.any()) {
    throw Error(Exit::usage, "no pictures: name files, folders or zips");
  }
  return o;
}

}  // namespace karyon
