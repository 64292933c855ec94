// A histogram with TensorFlow's buckets (tensorflow/core/lib/histogram): from 1e-12 each limit is 1.1 times the one
// before, up to 1e20, then the largest double; the same below zero, and zero between.
// Invariant: the buckets' sum is num; runs of empty buckets are told as one.
#pragma once

#include <span>
#include <vector>

namespace karyon {

struct Histogram {
  double min = 0, max = 0, num = 0, sum = 0, sum_squares = 0;
  std::vector<double> limits;  // bucket i: limits[i - 1] <= value < limits[i]
  std::vector<double> counts;  // as many as limits, at least one
};

/// Of the finite values; the others are left out of everything.
Histogram histogram(std::span<const float> values);

}  // namespace karyon
