// Which device a run takes, and how many CPUs it may use.
#include "apps/cli/device.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "apps/cli/cpus.h"
#include "kernels/check.h"
#include "kernels/cuda_device.h"

namespace karyon {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What choose_device says on stderr while it chooses.
std::string said(const char* wanted, Device& chosen) {
  Log log(Verbosity::normal);
  testing::internal::CaptureStderr();
  chosen = choose_device(wanted, log);
  return testing::internal::GetCapturedStderr();
}

TEST(Device, TheCpuIsTakenWithoutAWord) {
  Device chosen;
  EXPECT_EQ(said("cpu", chosen), "");
  EXPECT_FALSE(chosen.is_cuda());
}

TEST(Device, AutoSaysInOneLineWhatItTookAndWhy) {
  Device chosen;
  const std::string line = said("auto", chosen);
  const cuda::Devices found = cuda::find_devices();
  EXPECT_EQ(chosen.is_cuda(), found.usable(0));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  if (chosen.is_cuda()) {
    EXPECT_TRUE(line.starts_with("device: cuda:0 (" + found.devices[0].name + ", compute capability ")) << line;
  } else {
    EXPECT_TRUE(line.starts_with("device: cpu, because ")) << line;
    EXPECT_TRUE(contains(line, found.devices.empty() ? found.fault : found.devices[0].fault)) << line;
  }
}

TEST(Device, AnExplicitCudaIsTakenOrRefusedNeverReplaced) {
  for (const char* name : {"cuda", "cuda:0", "cuda:1"}) {
    const int index = name == std::string_view("cuda:1") ? 1 : 0;
    Device chosen;
    try {
      const std::string line = said(name, chosen);
      EXPECT_TRUE(chosen.is_cuda());
      EXPECT_EQ(chosen.index, index);
      EXPECT_TRUE(contains(line, "device: " + chosen.text() + " (")) << line;
    } catch (const Error&) {
      testing::internal::GetCapturedStderr();
      EXPECT_FALSE(cuda::find_devices().usable(index));
    }
  }
}

TEST(Device, ARefusalTellsWhatWasFound) {
  Log log(Verbosity::normal);
  try {
    choose_device("cuda:999", log);
    FAIL() << "no machine has so many devices";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::no_device);
    const cuda::Devices found = cuda::find_devices();
    const std::string fault = found.fault.empty() ? "no such device" : found.fault;
    for (const std::string& part : {std::string("--device cuda:999: "), fault, std::string("driver"),
                                    std::string("/dev/nvidia"), std::string("; use --device cpu")})
      EXPECT_TRUE(contains(error.what(), part)) << part << " in " << error.what();
    EXPECT_EQ(contains(error.what(), "libcuda.so.1"), found.driver_version.empty()) << error.what();
    for (const cuda::DeviceFacts& device : found.devices) EXPECT_TRUE(contains(error.what(), device.name));
    for (const char* part : {"cuDNN ", "cuBLASLt "})
      EXPECT_EQ(contains(error.what(), part), found.built) << error.what();
  }
}

TEST(Device, KnowsItsNames) {
  for (const char* name : {"auto", "cpu", "cuda", "cuda:0", "cuda:12"}) EXPECT_TRUE(is_device_name(name)) << name;
  for (const char* name : {"", "CPU", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:1234", "cpu:0"})
    EXPECT_FALSE(is_device_name(name)) << name;
}

class Cpus : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "karyon-cpus-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  int allowed() { return allowed_cpus(root_ / "groups", root_ / "cgroup"); }

  std::filesystem::path root_;
};

TEST_F(Cpus, FollowTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(allowed(), CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(allowed(), 1);
  sched_setaffinity(0, sizeof before, &before);
}

// Quotas under one CPU show on any machine.
TEST_F(Cpus, FollowAQuotaOfTheSecondKindOfGroups) {
  write("groups", "0::/job/run\n");
  write("cgroup/job/run/cpu.max", "max 100000\n");
  const int unlimited = allowed();
  write("cgroup/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(allowed(), 1);
  write("cgroup/job/cpu.max", "100000000 100000\n");
  EXPECT_EQ(allowed(), unlimited);
}

TEST_F(Cpus, FollowAQuotaOfTheFirstKindOfGroups) {
  write("groups", "5:memory:/other\n4:cpu,cpuacct:/not/visible/here\n");
  write("cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  const int unlimited = allowed();
  EXPECT_EQ(unlimited, allowed_cpus("/nonexistent", "/nonexistent"));
  write("cgroup/cpu,cpuacct/cpu.cfs_quota_us", "20000\n");
  EXPECT_EQ(allowed(), 1);
}

TEST_F(Cpus, RoundAQuotaUp) {
  const int unlimited = allowed();
  if (unlimited < 2) GTEST_SKIP() << "needs two CPUs";
  write("groups", "0::/\n");
  write("cgroup/cpu.max", "110000 100000\n");
  EXPECT_EQ(allowed(), 2);
}

TEST_F(Cpus, IgnoreBrokenFiles) {
  const int unlimited = allowed();
  write("groups", "nonsense\n0::/\n:\n");
  write("cgroup/cpu.max", "many few\n");
  EXPECT_EQ(allowed(), unlimited);
  write("cgroup/cpu.max", "100 0\n");
  EXPECT_EQ(allowed(), unlimited);
}
}  // namespace
}  // namespace karyon
