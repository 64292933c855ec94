// find_nuclei PICTURE.pgm LABELS.raw: lists the nuclei of a grey picture (binary PGM, 8 bits) and writes a label image,
// one 32-bit number a pixel.
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <karyon/karyon.h>

int main(int argc, char** argv) try {
  if (argc != 3) throw karyon::Failure(2, "usage: find_nuclei PICTURE.pgm LABELS.raw");
  std::ifstream file(argv[1], std::ios::binary);
  std::string format;
  int width = 0, height = 0, white = 0;
  file >> format >> width >> height >> white;
  std::vector<char> pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  file.ignore().read(pixels.data(), static_cast<std::streamsize>(pixels.size()));
  if (!file || format != "P5" || white != 255) throw karyon::Failure(65, std::string(argv[1]) + ": not a binary PGM");

  karyon::Segmenter segmenter;  // the model in the box
  const karyon::Nuclei nuclei = segmenter.segment({pixels.data(), width, height});
  for (const karyon::Nucleus& nucleus : nuclei.regions) {
    std::cout << nucleus.label << ": " << nucleus.area << " pixels around (" << nucleus.centroid_x << ", "
              << nucleus.centroid_y << ")\n";
  }
  std::ofstream labels(argv[2], std::ios::binary);
  labels.write(reinterpret_cast<const char*>(nuclei.labels.data()),
               static_cast<std::streamsize>(nuclei.labels.size() * sizeof(nuclei.labels[0])));
  if (!labels.flush()) throw karyon::Failure(73, std::string(argv[2]) + " cannot be written");
  return 0;
} catch (const karyon::Failure& failure) {
  std::cerr << failure.what() << "\n";
  return failure.code();
}
