// Models to export: every batch norm another one, so that what is folded wrongly shows.
// Invariant: deterministic; logits of some units at most, so that an absolute tolerance means something.
#pragma once

#include <algorithm>

#include "apps/models/model_file.h"
#include "apps/models/parameters.h"
#include "engine/random.h"
#include "weights/checkpoint.h"

namespace karyon {

struct ModelForm {
  double width = 0.35;
  std::vector<int> filters{16, 8, 8, 8};
  const char* padding = "same";
  int classes = 2;
};

inline Checkpoint model_to_export(const ModelForm& form) {
  Checkpoint checkpoint;
  checkpoint.width = form.width;
  checkpoint.decoder_filters = form.filters;
  checkpoint.padding = form.padding;
  checkpoint.classes = form.classes;
  checkpoint.image_height = 64;
  checkpoint.image_width = 96;
  checkpoint.encoder_family = "none";
  checkpoint.normalisation_name = "three numbers";
  checkpoint.normalisation = {{0.01F, 0.02F, 0.015F}, {-1.0F, -2.0F, -1.5F}};
  checkpoint.scores = {{"val_iou", 0.5}};
  Context context(Device{}, 1);
  UNet unet(context, unet_options(checkpoint, "model"));
  unet.initialize(1);
  checkpoint.tensors = to_arrays(unet);
  RandomStream random(1, Purpose::initial_weights, 77);
  for (NamedArray& array : checkpoint.tensors) {
    for (float& value : array.values) {
      if (array.name.ends_with("conv_transpose/kernel")) value *= 3;
      if (array.name.ends_with("gamma") || array.name.ends_with("variance")) value = random.uniform(0.5F, 1.5F);
      if (array.name.ends_with("beta") || array.name.ends_with("mean") || array.name.ends_with("bias")) {
        value = random.uniform(-0.5F, 0.5F);
      }
    }
  }
  return checkpoint;
}

}  // namespace karyon
