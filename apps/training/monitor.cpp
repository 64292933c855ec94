#include "apps/training/monitor.h"

namespace karyon {

double monitored(const TrainOptions& options, const EpochResult& result) {
  if (options.monitor == "val_loss") return result.validation.loss;
  if (options.monitor == "val_iou") return result.validation.iou;
  if (options.monitor == "val_dice") return result.validation.dice;
  return result.validation.accuracy;
}

bool is_better(const TrainOptions& options, const EpochResult& result, const EpochResult& best) {
  const double sign = options.monitor == "val_loss" ? -1 : 1;
  return sign * (monitored(options, result) - monitored(options, best)) > options.min_delta;
}

}  // namespace karyon
