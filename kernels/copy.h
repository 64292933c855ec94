// Moving bytes between the host's memory and the device's.
// Invariant: on the CPU the two are the same and a copy is a memcpy. On CUDA an upload has read its source, and a
// download has filled its destination, when the function returns.
#pragma once

#include <cstddef>

#include "kernels/stream.h"

namespace karyon {

/// host -> the stream's device, behind all that was queued.
void upload(const Stream& stream, void* device, const void* host, std::size_t bytes);
/// device -> host, after all that was queued; waits for it.
void download(const Stream& stream, void* host, const void* device, std::size_t bytes);
/// device -> device, queued.
void copy_on_device(const Stream& stream, void* to, const void* from, std::size_t bytes);
/// Zero bytes, queued.
void clear(const Stream& stream, void* device, std::size_t bytes);

}  // namespace karyon
