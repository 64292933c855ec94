#include "engine/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr double kRisingPart = 0.3;   // OneCycleLR's pct_start
constexpr double kStartDivisor = 25;  // div_factor
constexpr double kEndDivisor = 1e4;   // final_div_factor, of the start

/// From `from` to `to` by half a cosine, where `part` goes from 0 to 1.
double half_cosine(double from, double to, double part) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * part)) / 2;
}

double cosine_rate(const ScheduleSettings& s, std::int64_t step) {
  const std::int64_t length = s.total_steps - s.warm_up_steps;
  const std::int64_t at = std::clamp<std::int64_t>(step - s.warm_up_steps, 0, length);
  return half_cosine(s.base, s.lowest, static_cast<double>(at) / static_cast<double>(length));
}

double one_cycle_rate(const ScheduleSettings& s, std::int64_t step) {
  const auto last = static_cast<double>(s.total_steps - 1), at = std::min(static_cast<double>(step), last);
  const double peak = kRisingPart * static_cast<double>(s.total_steps) - 1, start = s.base / kStartDivisor;
  if (at <= peak) return half_cosine(start, s.base, at / peak);
  return half_cosine(s.base, start / kEndDivisor, (at - peak) / (last - peak));
}

/// Behind the warm-up, or where it leads.
double full_rate(const ScheduleSettings& s, const PlateauState& plateau, std::int64_t step) {
  switch (s.kind) {
    case ScheduleKind::cosine:
      return cosine_rate(s, step);
    case ScheduleKind::one_cycle:
      return one_cycle_rate(s, step);
    case ScheduleKind::plateau:
      return plateau.rate;
    case ScheduleKind::constant:
      break;
  }
  return s.base;
}

}  // namespace

Schedule::Schedule(const ScheduleSettings& settings) : settings_(settings) {
  const bool has_end = settings.kind == ScheduleKind::cosine || settings.kind == ScheduleKind::one_cycle;
  KARYON_CHECK(settings.warm_up_steps >= 0 && (!has_end || settings.total_steps > settings.warm_up_steps),
               "a schedule goes on behind its warm-up");
  KARYON_CHECK(settings.kind != ScheduleKind::one_cycle || settings.warm_up_steps == 0,
               "one-cycle rises by itself and takes no warm-up");
  KARYON_CHECK(settings.base > 0 && settings.lowest >= 0, "learning rates are not negative");
  plateau_.rate = settings.base;
}

float Schedule::rate(std::int64_t step) const {
  const double full = full_rate(settings_, plateau_, step);
  if (step >= settings_.warm_up_steps) return static_cast<float>(full);
  return static_cast<float>(full * static_cast<double>(step + 1) / static_cast<double>(settings_.warm_up_steps));
}

std::vector<float> Schedule::rates(std::int64_t first, int count) const {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(count));
  for (int k = 0; k < count; ++k) result.push_back(rate(first + k));
  return result;
}

bool Schedule::observe(double loss) {
  if (settings_.kind != ScheduleKind::plateau) return false;
  if (loss < plateau_.best - settings_.min_delta) {
    plateau_.best = loss;
    plateau_.wait = 0;
    return false;
  }
  if (++plateau_.wait < settings_.patience || plateau_.rate <= settings_.lowest) return false;
  plateau_.rate = std::max(plateau_.rate * settings_.factor, settings_.lowest);
  plateau_.wait = 0;
  return true;
}

}  // namespace karyon
