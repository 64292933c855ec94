#include "apps/cli/cpus.h"

#include <sched.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <string_view>

namespace karyon {
namespace {

int cpus_in_affinity_mask() {
  constexpr int kMost = 1 << 16;
  for (int size = CPU_SETSIZE; size <= kMost; size *= 2) {
    const auto drop = [](cpu_set_t* set) { CPU_FREE(set); };
    const std::unique_ptr<cpu_set_t, decltype(drop)> set(CPU_ALLOC(size), drop);
    const std::size_t bytes = CPU_ALLOC_SIZE(size);
    if (set != nullptr && sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
    if (errno != EINVAL) break;  // EINVAL: the kernel's mask is longer than ours
  }
  return 1;
}

// CPUs of one group, infinity when it sets no limit or is not there.
double quota_v2(const std::filesystem::path& group) {
  std::ifstream file(group / "cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::numeric_limits<double>::infinity();
  return std::stod(quota) / period;
}

double quota_v1(const std::filesystem::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us");
  std::ifstream period_file(group / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0)
    return std::numeric_limits<double>::infinity();
  return quota / period;
}

// A group's parents limit it too. In a container the path may be the host's and not exist here; its parents lead to the
// root that the container sees.
double least_quota(const std::filesystem::path& root, const std::filesystem::path& path,
                   double (*quota)(const std::filesystem::path&)) {
  double least = quota(root);
  std::filesystem::path group = root;
  for (const std::filesystem::path& part : path.relative_path()) {
    group /= part;
    least = std::min(least, quota(group));
  }
  return least;
}

double group_quota(const std::filesystem::path& groups_of_process, const std::filesystem::path& root) {
  double least = std::numeric_limits<double>::infinity();
  std::ifstream file(groups_of_process);
  for (std::string line; std::getline(file, line);) {  // hierarchy:controllers:path
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::filesystem::path path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, least_quota(root, path, quota_v2));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      least =
          std::min({least, least_quota(root / controllers, path, quota_v1), least_quota(root / "cpu", path, quota_v1)});
    }
  }
  return least;
}

#if defined(__x86_64__)
// Which register states the system saves (XCR0): without that an extension cannot be used, whatever CPUID says.
std::uint64_t saved_states() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kOsxsave = 1U << 27;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kOsxsave) == 0) return 0;
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}
#endif

}  // namespace

int allowed_cpus(const std::filesystem::path& groups_of_process, const std::filesystem::path& group_root) {
  const double quota = std::ceil(group_quota(groups_of_process, group_root));
  const int cpus = cpus_in_affinity_mask();
  return quota < cpus ? std::max(1, static_cast<int>(quota)) : std::max(1, cpus);
}

std::string cpu_features() {
  std::string list;
#if defined(__x86_64__)
  struct Feature {
    std::string_view name;
    unsigned leaf, subleaf, reg, bit;  // reg: 0 to 3 for EAX to EDX
    std::uint64_t states;
  };
  constexpr std::uint64_t kAvx = 0x6, kAvx512 = 0xE6, kAmx = 0x60000;
  constexpr std::array<Feature, 9> kFeatures = {{{"avx2", 7, 0, 1, 5, kAvx},
                                                 {"fma", 1, 0, 2, 12, kAvx},
                                                 {"avx_vnni", 7, 1, 0, 4, kAvx},
                                                 {"avx512f", 7, 0, 1, 16, kAvx512},
                                                 {"avx512_vnni", 7, 0, 2, 11, kAvx512},
                                                 {"avx512_bf16", 7, 1, 0, 5, kAvx512},
                                                 {"avx512_fp16", 7, 0, 3, 23, kAvx512},
                                                 {"amx_tile", 7, 0, 3, 24, kAmx},
                                                 {"amx_bf16", 7, 0, 3, 22, kAmx}}};
  const std::uint64_t saved = saved_states();
  for (const Feature& feature : kFeatures) {
    std::array<unsigned, 4> words{};
    const int known = __get_cpuid_count(feature.leaf, feature.subleaf, &words[0], &words[1], &words[2], &words[3]);
    const bool there = known != 0 && (words.at(feature.reg) >> feature.bit & 1U) != 0;
    if (!there || (saved & feature.states) != feature.states) continue;
    list.append(list.empty() ? "" : " ").append(feature.name);
  }
#endif
  return list;
}

}  // namespace karyon
