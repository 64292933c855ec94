// Work on a CUDA stream, captured once and played back by one launch.
// Invariant: while it is captured nothing runs and nothing may wait for the device. The memory that the captured work
// takes belongs to the graph from then on (Allocator's pool), so what runs between two launches never gets it. Pointers
// are fixed; what changes from launch to launch is read from device memory.
#pragma once

#include <functional>
#include <vector>

#include "engine/context.h"

struct CUgraphExec_st;

namespace karyon {

class Graph {
 public:
  /// Captures what `work` queues on the context's stream, a CUDA device's. `work` should have run once before, so that
  /// its memory is cached, its plans are made and its algorithms chosen. Errors of `work`, and of the capture.
  Graph(Context& context, const std::function<void()>& work);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  /// Waits for the stream.
  ~Graph();
  /// Queues the work once more.
  void launch();

 private:
  Context& context_;
  CUgraphExec_st* exec_ = nullptr;
  std::vector<void*> pool_;
};

}  // namespace karyon
