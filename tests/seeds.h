// Small good files of every container, made by the tests themselves: what mutation tests spoil and fuzzers start from.
// Invariant: deterministic; each is read without an error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/mutations.h"

namespace karyon {

struct Seed {
  std::string name;  // a file name
  std::vector<std::uint8_t> bytes;
  std::vector<ByteRange> tensor_data;  // where the tensors' values lie
};

std::vector<Seed> safetensors_seeds();
std::vector<Seed> torch_seeds();  // the zip and the old stream
std::vector<Seed> zip_seeds();
std::vector<Seed> hdf5_seeds();
std::vector<Seed> keras_zip_seeds();
std::vector<Seed> onnx_seeds();
std::vector<Seed> tiff_seeds();

}  // namespace karyon
