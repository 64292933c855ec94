// A reader of foreign files run in a process of its own, so that a hostile file can at worst end that process.
// Invariant: whatever becomes of the child (crash, endless loop, too much memory, a garbled answer), the caller gets a
// whole archive or an Error; no process, no descriptor and no memory of the child stays behind. What the child sends is
// parsed as distrustfully as the file itself.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "weights/archive.h"

namespace karyon {

struct ChildLimits {
  std::uint64_t memory = std::uint64_t{768} << 20;  // bytes on top of what the caller has mapped; also of the answer
  unsigned cpu_seconds = 60;
  unsigned seconds = 600;  // by the clock: ends a child that waits for what never comes
};

/// Runs `read` in a forked child and brings the archive over: names, types, shapes, bytes, metadata, container.
/// An Error of `read` arrives with its code and text. Error bad_data that opens with "`source`: " when the child dies,
/// runs out of memory or time, or answers nonsense; out_of_memory when no child can be started.
/// In the child `read` has no terminal and no descriptor but stderr, can write no file, and may start no threads (those
/// of the caller's OpenMP pool do not exist there).
std::unique_ptr<Archive> read_in_child(const std::function<std::unique_ptr<Archive>()>& read, const std::string& source,
                                       const ChildLimits& limits = {});

}  // namespace karyon
