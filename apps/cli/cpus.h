// The processor: how many CPUs this process may use, and what they can do.
// Invariant: a count is what the system allows now (affinity mask and control groups), never what the machine has.
#pragma once

#include <filesystem>
#include <string>

namespace karyon {

/// CPUs in the affinity mask, or fewer under a control group's quota (v1 or v2, rounded up); at least 1. The arguments
/// are where the kernel shows this process's groups and the groups' files.
int allowed_cpus(const std::filesystem::path& groups_of_process = "/proc/self/cgroup",
                 const std::filesystem::path& group_root = "/sys/fs/cgroup");

/// The vector extensions that the processor has and the system saves at task switches, such as "avx2 fma avx512f", by
/// the names of /proc/cpuinfo; "" when there are none.
std::string cpu_features();

}  // namespace karyon
