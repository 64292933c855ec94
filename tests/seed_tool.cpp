// seed_tool READER FOLDER: writes the reader's seeds into FOLDER, for its fuzzer to start from. Exit 2 for a reader
// that has none.
#include <cstdio>
#include <filesystem>
#include <map>

#include "engine/files.h"
#include "tests/seeds.h"

int main(int argc, char** argv) {
  const std::map<std::string, std::vector<karyon::Seed> (*)()> readers{{"safetensors", karyon::safetensors_seeds},
                                                                       {"torch", karyon::torch_seeds},
                                                                       {"zip", karyon::zip_seeds},
                                                                       {"hdf5", karyon::hdf5_seeds},
                                                                       {"keras_zip", karyon::keras_zip_seeds},
                                                                       {"onnx", karyon::onnx_seeds},
                                                                       {"tiff", karyon::tiff_seeds}};
  const auto reader = argc == 3 ? readers.find(argv[1]) : readers.end();
  if (reader == readers.end()) {
    std::fprintf(stderr, "usage: seed_tool READER FOLDER; readers:");
    for (const auto& [name, seeds] : readers) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const std::filesystem::path folder = argv[2];
  std::filesystem::create_directories(folder);
  for (const karyon::Seed& seed : reader->second()) karyon::write_file(folder / seed.name, seed.bytes);
  return 0;
}
