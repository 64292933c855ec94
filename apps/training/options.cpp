#include "apps/training/options.h"

#include "kernels/check.h"
#include "model/unet.h"

namespace karyon {

TrainOptions parse_train_options(int argc, const char* const* argv) {
  TrainOptions o;
  CommandLine line("train_unet",
                   "Trains a U-Net with a MobileNetV2 encoder to find cell nuclei in microscope pictures.");
  line.text(
      "-d,--data", o.data,
      "Pictures and masks: a folder or .zip in Kaggle's layout (<id>/images, <id>/masks) or with inputs/ and masks/; "
      "without it the built-in synthetic nuclei");
  line.text("-o,--out", o.out, "The run's folder; by default runs/train/exp, exp2, ...");
  line.toggle("exist-ok", o.exist_ok, "Write into --out even if it is not empty");
  line.number("-e,--epochs", o.epochs, 1, 1000000, "Epochs to train");
  line.number("-b,--batch-size", o.batch_size, 1, 65536, "Images a step");
  line.number("--lr", o.learning_rate, 1e-12, 1e3, "Adam's learning rate");
  line.number("--image-size", o.image_size, kSizeMultiple, 4096, "Side of the training images, a multiple of 32");
  line.number("--val-split", o.val_split, 1e-6, 1.0 - 1e-6, "Share of the images kept for validation");
  line.toggle("allow-duplicates", o.allow_duplicates,
              "Train even if the same picture is among those to train on and those to validate on");
  line.number("--seed", o.seed, std::uint64_t{0}, std::uint64_t{INT64_MAX}, "Seed of all random numbers");
  line.number("--patience", o.patience, 0, 1000000,
              "Stop after so many epochs without a better validation accuracy; 0: never");
  line.text(
      "--encoder-weights", o.encoder_weights,
      "ImageNet weights for the encoder, which then stays frozen: a file of Keras, TF-slim, torchvision, timm, Hugging "
      "Face or ONNX, or imagenet for the one that weights/fetch brings; without them all is trained from random "
      "weights");
  line.toggle("fetch-weights", o.fetch_weights, "With --encoder-weights imagenet: run weights/fetch if need be");
  bool freeze = false;
  CLI::Option* freeze_given =
      line.toggle("freeze-encoder", freeze, "Keep the encoder as it is")
          ->description("Keep the encoder as it is; by default only with --encoder-weights and in --bench");
  CLI::Option* width_given = line.number("--width", o.width, 0.1, 2.0, "Channel multiplier of the encoder");
  line.numbers("--decoder-filters", o.decoder_filters, 1, 4096, "Filters of the four upsamplers");
  line.text("--input-scale", o.input_scale,
            "family: as the encoder's weights were trained; tutorial: x/255, as the TensorFlow tutorial feeds it")
      ->check([](const std::string& word) {
        return word == "family" || word == "tutorial" ? "" : "'" + word + "' is neither family nor tutorial";
      });
  line.number("--synthetic-images", o.synthetic_images, 2, 1000000,
              "How many synthetic pictures to train on without --data");
  line.number("--write-synthetic", o.write_synthetic, 0, 1000000,
              "Write so many synthetic pictures and their masks into --out, in Kaggle's layout, and stop");
  line.toggle("dry-run", o.dry_run, "Do everything up to the first step, print what was found, and stop");
  line.number("--bench", o.bench_steps, 0, 1000000, "Time so many training steps on random images, and stop");
  line.toggle("cuda-graph", o.cuda_graph, "On CUDA, capture the step once and launch several at a time");
  add_common_flags(line, o.common);
  line.parse(argc, argv);

  o.freeze_encoder = freeze_given->count() > 0 ? freeze : !o.encoder_weights.empty() || o.bench_steps > 0;
  o.width_given = width_given->count() > 0;
  if (o.image_size % kSizeMultiple != 0) {
    throw Error(Exit::usage, "--image-size " + std::to_string(o.image_size) + ": expected a multiple of " +
                                 std::to_string(kSizeMultiple));
  }
  if (o.decoder_filters.size() != kUpsamplers) {
    throw Error(Exit::usage, "--decoder-filters: expected " + std::to_string(kUpsamplers) + " numbers, got " +
                                 std::to_string(o.decoder_filters.size()));
  }
  return o;
}

}  // namespace karyon
