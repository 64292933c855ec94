// What there is of CUDA on this machine: driver and devices.
// Invariant: asking never throws and needs nothing of CUDA to be installed; a build without CUDA finds nothing and says
// so.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace karyon::cuda {

struct DeviceFacts {
  std::string name;          // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;  // compute capability
  std::size_t memory = 0;    // bytes
  std::string fault;         // why it cannot be used: empty when it can
};

struct Devices {
  bool built = false;           // whether this binary has a CUDA part
  std::string runtime_version;  // "13.0": what it was built with
  std::string driver_version;   // the newest CUDA that the driver knows; empty without a driver
  std::vector<DeviceFacts> devices;
  std::string fault;  // why there is none: empty when there is one

  [[nodiscard]] bool usable(int index) const {
    return index >= 0 && index < static_cast<int>(devices.size()) &&
           devices[static_cast<std::size_t>(index)].fault.empty();
  }
};

Devices find_devices();

}  // namespace karyon::cuda
