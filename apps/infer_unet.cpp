// infer_unet: segments pictures with a trained model. From top to bottom: flags, device, model, pictures, results.
#include <algorithm>
#include <iostream>

#include "apps/cli/device.h"
#include "apps/cli/output_folder.h"
#include "apps/cli/precision.h"
#include "apps/cli/program.h"
#include "apps/data/path_list.h"
#include "apps/export/exports.h"
#include "apps/inference/bench.h"
#include "apps/inference/calibration.h"
#include "apps/inference/options.h"
#include "apps/inference/segmenter.h"
#include "apps/models/built_in_model.h"

namespace karyon {
namespace {

void print_results(const Segmentation& result, const std::filesystem::path& folder) {
  if (!result.scores.empty()) std::cout << scores_table(result.scores) << "\n";
  std::cout << "results: " << folder.string() << "\nimages: " << result.done << "\nskipped: " << result.failures.size()
            << "\nnuclei: " << result.nuclei << "\n";
  if (!result.scores.empty()) std::cout << scores_lines(total_scores(result.scores));
}

/// bad_data when any picture was broken, else the reason why none could be read.
[[noreturn]] void refuse_all(const std::vector<Error>& failures) {
  const auto broken =
      std::find_if(failures.begin(), failures.end(), [](const Error& e) { return e.code() == Exit::bad_data; });
  const Error& first = broken != failures.end() ? *broken : failures.front();
  if (failures.size() == 1) throw Error(first.code(), first.what());
  throw Error(first.code(),
              "none of the " + std::to_string(failures.size()) + " pictures could be read, such as " + first.what());
}

Exit run(int argc, char** argv) {
  const InferOptions options = parse_infer_options(argc, argv);
  Log log(options.common.verbosity());
  const Device device = choose_device(options.common.device, log);
  Context context(device, options.common.threads);
  set_precision(options.common, context.stream());
  if (options.exports.any()) {
    std::cout << run_exports(context, options.model, options.exports, options.exist_ok);
    return Exit::done;
  }
  if (options.bench_steps > 0) {
    context.profile().enable(options.common.verbose);
    const std::string line = bench_inference(context, options);
    log.detail(context.profile().table(options.bench_steps));
    log.detail(memory_text(context.memory().figures()));
    std::cout << line << "\n";
    return Exit::done;
  }
  Predictor predictor(context, load_model(options.model), model_name(options.model),
                      storage_type(options.common.precision));
  if (!options.outputs.kaggle_csv.empty()) check_new_file(options.outputs.kaggle_csv, "--kaggle-csv", options.exist_ok);
  PictureLimits limits;
  limits.max_pixels = options.max_pixels;
  const Dataset dataset(expand_paths(options.inputs, std::cin), Use::inference, limits, options.page);
  for (const std::string& note : dataset.notes()) log.note(note);
  if (options.common.precision == "int8") quantise(predictor, dataset, options, log);
  OutputFolder folder(options.out, "runs/infer", options.exist_ok);
  const Segmentation result = segment(predictor, dataset, options, folder, log);
  if (result.done == 0) refuse_all(result.failures);
  print_results(result, folder.path());
  if (result.failures.empty()) return Exit::done;
  throw Error(Exit::partly_done, std::to_string(result.failures.size()) + " of " + std::to_string(dataset.size()) +
                                     " pictures were skipped, as the warnings say; the others are done");
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) { return karyon::run_program(argc, argv, karyon::run); }
