#include "apps/training/history.h"

#include <cstdio>
#include <sstream>

#include <sys/resource.h>

namespace karyon {

std::string history_csv(const std::vector<EpochResult>& history) {
  std::string text =
      "epoch,loss,accuracy,val_loss,val_accuracy,iou,dice,val_iou,val_dice,learning_rate,images_per_s,wall_s,memory_"
      "mb\n";
  for (const EpochResult& r : history) {
    char line[400];
    std::snprintf(line, sizeof line, "%d,%.8g,%.8g,%.8g,%.8g,%.8g,%.8g,%.8g,%.8g,%.8g,%.2f,%.2f,%.1f\n", r.epoch,
                  r.train.loss, r.train.accuracy, r.validation.loss, r.validation.accuracy, r.train.iou, r.train.dice,
                  r.validation.iou, r.validation.dice, r.learning_rate, r.images_per_second, r.wall_seconds,
                  r.memory_mb);
    text += line;
  }
  return text;
}

std::string history_jsonl(const std::vector<EpochResult>& history) {
  std::istringstream csv(history_csv(history));
  std::string header, row, text;
  std::getline(csv, header);
  while (std::getline(csv, row)) {
    std::istringstream names(header), values(row);
    std::string object;
    for (std::string name, value; std::getline(names, name, ',') && std::getline(values, value, ',');) {
      object.append(object.empty() ? "{\"" : ", \"").append(name).append("\": ").append(value);
    }
    text += object + "}\n";
  }
  return text;
}

std::string epoch_line(const EpochResult& r, int epochs, double seconds) {
  char line[320];
  std::snprintf(
      line, sizeof line,
      "Epoch %d/%d - %.1fs - loss: %.4f - accuracy: %.4f - val_loss: %.4f - val_accuracy: %.4f - val_iou: %.4f "
      "- val_dice: %.4f - %.1f images/s",
      r.epoch, epochs, seconds, r.train.loss, r.train.accuracy, r.validation.loss, r.validation.accuracy,
      r.validation.iou, r.validation.dice, r.images_per_second);
  return line;
}

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024e-6;  // Linux counts in KiB
}

}  // namespace karyon
