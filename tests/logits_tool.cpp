// logits_tool FOLDER [MODEL]: writes pictures of noise and Karyon's logits of them into FOLDER, which exists, for
// tests/onnx_check.py to compare with an export of the same model; without MODEL, of the one in the box.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "apps/models/built_in_model.h"
#include "apps/models/model_file.h"
#include "kernels/check.h"
#include "tests/export_case.h"

namespace karyon {
namespace {

void run(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.size() > 2) throw Error(Exit::usage, "usage: logits_tool FOLDER [MODEL]");
  const std::string path = arguments.size() == 2 ? arguments[1] : std::string();
  Context context(Device{}, 1);
  const Checkpoint model = load_model(path);
  write_export_case(context, *load_unet(context, model, model_name(path)), model, arguments[0]);
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    karyon::run({argv + 1, argv + argc});
    return 0;
  } catch (const karyon::Error& e) {
    std::fprintf(stderr, "logits_tool: %s\n", e.what());
    return static_cast<int>(e.code());
  }
}
