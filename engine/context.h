// What a run computes with: one device, its memory, its stream and the profile.
// Invariant: everything allocated through a Context is gone before it is destroyed.
#pragma once

#include "engine/memory.h"
#include "engine/profile.h"
#include "kernels/stream.h"

namespace karyon {

class Context {
 public:
  /// threads >= 1.
  Context(Device device, int threads) : memory_(device), stream_(device, threads, memory_), profile_(stream_) {}

  Allocator& memory() { return memory_; }
  Stream& stream() { return stream_; }
  Profile& profile() { return profile_; }

 private:
  Allocator memory_;
  Stream stream_;
  Profile profile_;
};

}  // namespace karyon
