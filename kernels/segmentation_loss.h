// The loss of segmentation with class weights and a Dice term, from logits: for classes of very different sizes. The
// plain loss is kernels/softmax_xent.h, in one pass; this one takes two, because its gradient needs sums over all
// pixels.
//   p = softmax(z), f = sum of p over the classes from 1 on (foreground), t = 1 where the label is no 0, else 0
//   cross = (sum of w[label] * (log(sum_k exp(z_k)) - z_label)) / (sum of w[label])
//   dice  = 1 - (2 * sum f t + 1) / (sum f + sum t + 1)          sums over all pixels of the batch
//   loss  = cross + dice_weight * dice
// cross is PyTorch's CrossEntropyLoss(weight=w), a weighted mean: with equal weights it is the plain mean, whatever
// they are. (Keras's class_weight divides by the number of pixels instead.) Where all pixels have weight 0 it is 0.
// dice is the soft Dice loss of Milletari, Navab and Ahmadi 2016, smoothed by 1 above and below, so that a batch
// without foreground costs nothing when none is predicted.
//   dlogits[k] = w[label] / (sum of w[label]) * (p[k] - onehot(label)[k]) + dice_weight * d(dice)/df * df/dz[k]
//   d(dice)/df = (2 * sum f t + 1) / D^2 - 2 t / D,  D = sum f + sum t + 1
//   df/dz[0] = -p[0] * f,  df/dz[k] = p[0] * p[k] for k > 0
// Layouts, aliasing, labels that are no class, and what counts as predicted: as of softmax_xent.h. class_weights: [c]
// in the stream's device memory, none negative; null: all 1. counts->loss_sum is loss * pixels, so that it can be added
// up over batches as that of the plain loss is. Sums are in double over fixed parts, and stay on the device.
#pragma once

#include "kernels/softmax_xent.h"

namespace karyon {

KERNEL(segmentation_loss, (Stream & stream, ConstFloatView logits, const std::uint8_t* labels,
                           const float* class_weights, float dice_weight, FloatView dlogits, XentCounts* counts))

}  // namespace karyon
