// Batches out of the resident data set: shuffled and flipped for training, in order for validation.
// Invariant: what epoch e sees is a function of (seed, e) and the indices alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/data/training_set.h"
#include "engine/tensor.h"
#include "kernels/augment.h"

namespace karyon {

class Batches {
 public:
  /// Images `indices` of `set`, `batch_size` at a time; the last batch may be smaller. All must outlive this.
  Batches(Context& context, const TrainingSet& set, std::span<const std::int32_t> indices, int batch_size,
          const Normalisation& normalisation);

  /// Draws a new order and new flips (left-right and up-down, each with probability 1/2, for each image).
  void shuffle(std::uint64_t seed, std::uint32_t epoch);
  [[nodiscard]] int count() const;
  /// Images in batch k.
  [[nodiscard]] int size(int k) const;
  /// Fills and returns the batch: x NHWC and labels uint8 NHW. Both stay valid until the next call.
  Tensor images(int k);
  const std::uint8_t* labels(int k);

 private:
  Context& context_;
  const TrainingSet& set_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> original_;
  std::vector<std::uint8_t> flips_;
  int batch_size_;
  Normalisation normalisation_;
  Tensor full_;  // for a whole batch; a smaller one is a part of it
  Buffer labels_;
};

}  // namespace karyon
