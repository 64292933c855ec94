// Batches out of the resident data set: shuffled and flipped for training, in order for validation.
// Invariant: what epoch e sees is a function of (seed, e) and the indices alone. An epoch's order, flips and rates
// lie in device memory, and so does the position in them: making a batch is the same work each time, with nothing from
// the host, and can be captured.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/tensor.h"
#include "kernels/adam.h"
#include "model/augmentation.h"
#include "model/resident_set.h"

namespace karyon {

class Batches {
 public:
  /// Images `indices` of `set`, `batch_size` at a time; the last batch may be smaller. `set` must outlive this. x is
  /// stored as `type`. augment: what training does beside flips; Error usage as of check_augmentation.
  Batches(Context& context, const ResidentSet& set, std::span<const std::int32_t> indices, int batch_size,
          const Normalisation& normalisation, ElementType type, const AugmentSettings& augment = {});

  /// Begins an epoch of training: a new order and new flips (left-right and up-down, each with probability 1/2, for
  /// each image) and distortions; rates: Adam::take_rates, one a batch. Batch `first` is the next: an epoch can be
  /// taken up anywhere.
  void begin_training(std::uint64_t seed, std::uint32_t epoch, std::span<const AdamRate> rates, int first = 0);
  /// Begins with the first batch: the indices' own order, no flips, nothing distorted.
  void begin_in_order();

  [[nodiscard]] int count() const;
  /// Images in batch k.
  [[nodiscard]] int size(int k) const;
  /// Batches of full size.
  [[nodiscard]] int full_batches() const { return static_cast<int>(order_.size()) / batch_size_; }
  [[nodiscard]] int batch_size() const { return batch_size_; }

  struct Batch {
    Tensor x;                    // NHWC
    const std::uint8_t* labels;  // NHW
    const AdamRate* rate;        // of the update
  };
  /// Queues the making of the next batch, which has `images` images. It stays until the next call.
  Batch next(int images);

 private:
  void begin(std::span<const std::int32_t> order, std::span<const std::uint8_t> flips, std::span<const AdamRate> rates,
             std::int32_t first);
  void queue_images_and_labels(int images, const Tensor& x);

  Context& context_;
  const ResidentSet& set_;
  std::vector<std::int32_t> order_;
  int batch_size_;
  Normalisation normalisation_;
  Tensor full_;  // for a whole batch; a smaller one is a part of it
  Buffer labels_;
  Buffer epoch_order_, epoch_flips_;        // of all images
  Buffer epoch_rates_;                      // of all batches
  Buffer position_, index_, flips_, rate_;  // of the next batch
  AugmentSettings augment_;
  std::size_t distorted_images_;       // the first of the data set, up to the last that is used
  std::optional<Buffer> distortions_;  // of the epoch, for each of these; none where augment_ is off
  bool distorts_ = false;
};

}  // namespace karyon
