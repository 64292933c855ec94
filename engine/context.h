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

  /// From now on a tensor NHWC of `images` images is given the memory of `room` of them. So an epoch's last, smaller
  /// batch finds the blocks that whole ones left, instead of taking a set of its own.
  void set_room(int images, int room) { images_ = images, room_ = room; }
  /// Images whose memory a tensor NHWC of so many images takes.
  [[nodiscard]] int room_for(int images) const { return images == images_ ? room_ : images; }

 private:
  int images_ = 0, room_ = 0;
  Allocator memory_;
  Stream stream_;
  Profile profile_;
};

}  // namespace karyon
