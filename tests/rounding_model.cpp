#include "tests/rounding_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace karyon {

namespace {

constexpr double kNoiseNorm = 1e-6;
constexpr double kMisfitLimit = 0.01;  // of the range: what one moved value can count
// Prior of the fit: coefficients are of order 1, and a value deviates by about 1e-3 of the range for other reasons.
// Without it, where runs hardly differ, huge coefficients would explain a value that was moved.
constexpr double kRidge = 1e-6;
constexpr double kStability = 1e-9;   // of the largest diagonal element
constexpr std::size_t kBlock = 4096;  // elements whose differences are held at a time

/// The forward pass alone: rounding moves it, but nothing amplifies that, so the run without noise must do.
bool is_smooth(const std::string& name) { return name == "step1/logits"; }

bool usable(const std::string& name, const ResultTensor& tensor) {
  return value_range(tensor.values) > 0 && name != "accuracies" && !is_smooth(name) && !is_noise(name, tensor.values);
}

double tensor_misfit(const ResultTensor& expected, const ResultTensor& run) {
  const double range = value_range(expected.values);
  double sum = 0;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const double deviation = std::abs(static_cast<double>(run.values[i]) - static_cast<double>(expected.values[i]));
    sum += std::min(deviation / range, kMisfitLimit);
  }
  return sum / static_cast<double>(expected.values.size());
}

/// Solves (matrix + ridge) x = right by Cholesky; matrix symmetric and positive semidefinite.
std::vector<double> solve(std::vector<std::vector<double>> matrix, std::vector<double> right) {
  const std::size_t n = right.size();
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, matrix[i][i]);
  for (std::size_t i = 0; i < n; ++i) matrix[i][i] += kRidge + kStability * largest;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = matrix[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= matrix[i][k] * matrix[j][k];
      matrix[i][j] = i == j ? std::sqrt(sum) : sum / matrix[j][j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) right[i] -= matrix[i][k] * right[k];
    right[i] /= matrix[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) right[i] -= matrix[k][i] * right[k];
    right[i] /= matrix[i][i];
  }
  return right;
}

}  // namespace

double value_range(const std::vector<float>& values) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const float v : values) {
    if (!std::isfinite(v)) return std::numeric_limits<double>::quiet_NaN();
    low = std::min(low, static_cast<double>(v));
    high = std::max(high, static_cast<double>(v));
  }
  return high - low;
}

double l2_norm(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}

bool is_noise(const std::string& name, const std::vector<float>& values) {
  return name.starts_with("step1/grad/") && l2_norm(values) < kNoiseNorm;
}

double misfit(const Results& expected, const Results& run, bool (*belongs)(const std::string& name)) {
  double sum = 0, count = 0;
  for (const auto& [name, tensor] : expected) {
    if (!belongs(name) || !usable(name, tensor)) continue;
    sum += tensor_misfit(tensor, run.at(name));
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

RoundingModel::RoundingModel(const Results& expected, const std::vector<Results>& runs,
                             bool (*belongs)(const std::string& name))
    : expected_(expected), runs_(runs) {
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < runs.size(); ++j) {
    const double sum = misfit(expected, runs[j], belongs);
    if (sum < least) base_ = j;
    least = std::min(least, sum);
  }
  for (const auto& [name, tensor] : expected) {
    if (belongs(name) && usable(name, tensor)) names_.push_back(name);
  }
  fit_coefficients();
  measure();
}

std::vector<std::vector<double>> RoundingModel::differences(const std::string& name) const {
  const std::vector<float>& base = runs_[base_].at(name).values;
  std::vector<std::vector<double>> result;
  for (std::size_t j = 0; j < runs_.size(); ++j) {
    if (j == base_) continue;
    const std::vector<float>& run = runs_[j].at(name).values;
    std::vector<double>& difference = result.emplace_back(base.size());
    for (std::size_t i = 0; i < base.size(); ++i) {
      difference[i] = static_cast<double>(run[i]) - static_cast<double>(base[i]);
    }
  }
  return result;
}

/// Least squares of (expected - base run) by the other runs' differences, all in units of each tensor's range.
void RoundingModel::fit_coefficients() {
  const std::size_t n = runs_.size() - 1;
  std::vector<std::vector<double>> products(n, std::vector<double>(n, 0.0));
  std::vector<double> right(n, 0.0);
  for (const std::string& name : names_) {
    const std::vector<float>&expected = expected_.at(name).values, &base = runs_[base_].at(name).values;
    const double scale = 1 / value_range(expected);
    const std::vector<std::vector<double>> difference = differences(name);
    for (std::size_t begin = 0; begin < base.size(); begin += kBlock) {
      const std::size_t end = std::min(begin + kBlock, base.size());
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k <= j; ++k) {
          double sum = 0;
          for (std::size_t i = begin; i < end; ++i) sum += difference[j][i] * difference[k][i];
          products[j][k] += sum * scale * scale;
        }
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i) {
          sum += difference[j][i] * (static_cast<double>(expected[i]) - static_cast<double>(base[i]));
        }
        right[j] += sum * scale * scale;
      }
    }
  }
  coefficients_ = solve(std::move(products), std::move(right));
}

void RoundingModel::measure() {
  double left = 0, spread = 0;
  for (const std::string& name : names_) {
    const std::vector<float>& expected = expected_.at(name).values;
    const double scale = 1 / value_range(expected);
    const Explained explained = explain(name);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double deviation = static_cast<double>(expected[i]) - static_cast<double>(explained.values[i]);
      left += deviation * deviation * scale * scale;
      spread += static_cast<double>(explained.spread[i]) * static_cast<double>(explained.spread[i]) * scale * scale;
    }
  }
  unexplained_ = spread > 0 ? std::sqrt(left / spread) : 0;
}

Explained RoundingModel::explain(const std::string& name) const {
  if (is_smooth(name)) {
    const std::vector<float>& plain = runs_[0].at(name).values;
    return {plain, std::vector<float>(plain.size(), 0.0F)};
  }
  Explained result{runs_[base_].at(name).values, {}};
  const std::size_t count = result.values.size();
  std::vector<double> moved(count, 0.0), widest(count, 0.0);
  const std::vector<std::vector<double>> difference = differences(name);
  for (std::size_t j = 0; j < difference.size(); ++j) {
    for (std::size_t i = 0; i < count; ++i) {
      moved[i] += coefficients_[j] * difference[j][i];
      widest[i] = std::max(widest[i], std::abs(difference[j][i]));
    }
  }
  double squares = 0;
  for (const double w : widest) squares += w * w;
  result.spread.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (name != "accuracies") result.values[i] += static_cast<float>(moved[i]);  // these are whole pixels
    result.spread[i] = static_cast<float>(std::sqrt(widest[i] * widest[i] + squares / static_cast<double>(count)));
  }
  return result;
}

}  // namespace karyon
