// Leaves the names of the kernels that this process ran where simt.EveryKernelHasACase reads them.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/simt/machine.h"

namespace karyon::testing {
namespace {

class Launched final : public ::testing::Environment {
 public:
  void TearDown() override {
    const char* folder = std::getenv("KARYON_SIMT_LAUNCHED");
    // A failed case proves nothing of its kernels.
    if (folder == nullptr || ::testing::UnitTest::GetInstance()->Failed()) return;
    std::filesystem::create_directories(folder);
    std::ofstream file(std::filesystem::path(folder) / (std::to_string(getpid()) + ".txt"));
    for (const std::string& name : simt::launched_kernels()) file << name << "\n";
  }
};

// gtest owns it.
[[maybe_unused]] const auto* const kLaunched = ::testing::AddGlobalTestEnvironment(new Launched);  // NOLINT

}  // namespace
}  // namespace karyon::testing
