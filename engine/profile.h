// Where the time goes: a table of named stretches with counts and milliseconds.
// Invariant: off by default, and then a stretch costs one branch. On CUDA a stretch waits for the device at both ends:
// its time is the device's, and the steps that are profiled run slower than they do otherwise.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "kernels/stream.h"

namespace karyon {

class Profile {
 public:
  explicit Profile(const Stream& stream) : stream_(stream) {}
  void enable(bool on) { enabled_ = on; }
  [[nodiscard]] bool enabled() const { return enabled_; }
  void synchronize() const { stream_.synchronize(); }
  void add(std::string_view name, double seconds, double multiply_adds);
  void clear() { rows_.clear(); }
  /// Rows by falling time: calls, ms in all, ms a step, share, GFLOP/s where the work is known.
  [[nodiscard]] std::string table(int steps) const;

 private:
  struct Row {
    std::int64_t calls = 0;
    double seconds = 0, multiply_adds = 0;
  };
  const Stream& stream_;
  bool enabled_ = false;
  std::map<std::string, Row, std::less<>> rows_;
};

/// Times its own lifetime. multiply_adds: the work done, 0 where it is not counted.
class ProfileScope {
 public:
  ProfileScope(Profile& profile, std::string_view name, double multiply_adds = 0)
      : profile_(profile.enabled() ? &profile : nullptr), name_(name), multiply_adds_(multiply_adds) {
    if (profile_ == nullptr) return;
    profile_->synchronize();
    start_ = std::chrono::steady_clock::now();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;
  ~ProfileScope() {
    if (profile_ == nullptr) return;
    profile_->synchronize();
    profile_->add(name_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(),
                  multiply_adds_);
  }

 private:
  Profile* profile_;
  std::string_view name_;
  double multiply_adds_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace karyon
