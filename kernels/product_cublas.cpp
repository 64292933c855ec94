#include "kernels/product_cublas.h"

#if KARYON_WITH_CUDA

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>

#include "kernels/cuda_check.h"
#include "kernels/cuda_libraries.h"
#include "kernels/cuda_library_functions.h"

namespace karyon {

namespace {

using cuda::Matrix;
using cuda::Product;
using Functions = cuda::CublasLtFunctions;

void check_cublas(const Functions& lt, cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(status == CUBLAS_STATUS_ALLOC_FAILED ? Exit::out_of_memory : Exit::internal,
              std::string("cuBLASLt: ") + call + ": " + lt.cublasLtGetStatusName(status));
}
#define CUBLAS_CHECK(lt, function, ...) check_cublas((lt), (lt).function(__VA_ARGS__), #function "(" #__VA_ARGS__ ")")

cudaDataType_t type_of(ElementType type) { return type == ElementType::f32 ? CUDA_R_32F : CUDA_R_16BF; }

cublasLtEpilogue_t epilogue_of(const Product& p) {
  KARYON_CHECK(p.row_sums_of_a == nullptr || (p.bias == nullptr && !p.relu), "row sums of A and nothing else");
  if (p.row_sums_of_a != nullptr) return CUBLASLT_EPILOGUE_BGRADA;
  if (p.relu) return p.bias == nullptr ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_RELU_BIAS;
  return p.bias == nullptr ? CUBLASLT_EPILOGUE_DEFAULT : CUBLASLT_EPILOGUE_BIAS;
}

/// What the epilogue reads or writes beside D.
void* epilogue_vector(const Product& p) { return p.bias == nullptr ? p.row_sums_of_a : p.bias; }

/// All that an algorithm's fitness and speed depend on.
struct Key {
  int device = 0;
  Float32Math math = Float32Math::exact;
  ElementType in = ElementType::f32, out = ElementType::f32;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  bool transpose_a = false, transpose_b = false, adds = false;
  std::int64_t m = 0, n = 0, k = 0, lda = 0, ldb = 0, ldc = 0, ldd = 0;
  int align_a = 0, align_b = 0, align_c = 0, align_d = 0;
  friend auto operator<=>(const Key&, const Key&) = default;
};

Key key_of(const Stream& stream, const Product& p) {
  return {.device = stream.device().index,
          .math = stream.float32_math(),
          .in = p.in,
          .out = p.out,
          .epilogue = epilogue_of(p),
          .transpose_a = p.transpose_a,
          .transpose_b = p.transpose_b,
          .adds = p.adds,
          .m = p.d.rows,
          .n = p.d.columns,
          .k = p.transpose_a ? p.a.rows : p.a.columns,
          .lda = p.a.ld,
          .ldb = p.b.ld,
          .ldc = p.c.ld,
          .ldd = p.d.ld,
          .align_a = cuda::alignment(p.a.data),
          .align_b = cuda::alignment(p.b.data),
          .align_c = cuda::alignment(p.c.data),
          .align_d = cuda::alignment(p.d.data)};
}

using Operation = std::unique_ptr<cublasLtMatmulDescOpaque_t, decltype(&::cublasLtMatmulDescDestroy)>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, decltype(&::cublasLtMatrixLayoutDestroy)>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, decltype(&::cublasLtMatmulPreferenceDestroy)>;

struct Plan {
  Operation operation;
  Layout a, b, c, d;
  std::optional<cublasLtMatmulAlgo_t> algorithm;
};

constexpr std::size_t kWorkspace = std::size_t{32} << 20;

}  // namespace

struct CublasPlans {
  CublasPlans(const Functions& functions, MemorySource& source) : lt(functions), memory(source), kernels(source) {
    CUBLAS_CHECK(lt, cublasLtCreate, &handle);
    try {
      workspace = memory.allocate(kWorkspace, true);
    } catch (...) {
      lt.cublasLtDestroy(handle);
      throw;
    }
  }
  CublasPlans(const CublasPlans&) = delete;
  CublasPlans& operator=(const CublasPlans&) = delete;
  ~CublasPlans() {
    memory.release(workspace);
    plans.clear();
    lt.cublasLtDestroy(handle);
  }

  const Functions& lt;
  MemorySource& memory;
  KernelCopies kernels;
  cublasLtHandle_t handle = nullptr;
  void* workspace = nullptr;
  std::map<Key, Plan> plans;
};

namespace {

template <class Value>
void set_operation(const Functions& lt, const Operation& operation, cublasLtMatmulDescAttributes_t attribute,
                   const Value& value) {
  CUBLAS_CHECK(lt, cublasLtMatmulDescSetAttribute, operation.get(), attribute, &value, sizeof value);
}

Operation make_operation(const Functions& lt, const Product& p, Float32Math math) {
  const bool tf32 = math == Float32Math::tf32 && p.in == ElementType::f32;
  cublasLtMatmulDesc_t raw = nullptr;
  CUBLAS_CHECK(lt, cublasLtMatmulDescCreate, &raw, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
               CUDA_R_32F);
  Operation operation(raw, lt.cublasLtMatmulDescDestroy);
  set_operation(lt, operation, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set_operation(lt, operation, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set_operation(lt, operation, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p));
  if (epilogue_vector(p) != nullptr) {
    set_operation(lt, operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue_vector(p));
  }
  return operation;
}

Layout make_layout(const Functions& lt, ElementType type, const Matrix& m) {
  cublasLtMatrixLayout_t raw = nullptr;
  CUBLAS_CHECK(lt, cublasLtMatrixLayoutCreate, &raw, type_of(type), static_cast<std::uint64_t>(m.rows),
               static_cast<std::uint64_t>(m.columns), m.ld);
  return {raw, lt.cublasLtMatrixLayoutDestroy};
}

template <class Value>
void set_preference(const Functions& lt, const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
                    const Value& value) {
  CUBLAS_CHECK(lt, cublasLtMatmulPreferenceSetAttribute, preference.get(), attribute, &value, sizeof value);
}

Preference make_preference(const Functions& lt, const Key& key) {
  cublasLtMatmulPreference_t raw = nullptr;
  CUBLAS_CHECK(lt, cublasLtMatmulPreferenceCreate, &raw);
  Preference preference(raw, lt.cublasLtMatmulPreferenceDestroy);
  set_preference(lt, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kWorkspace});
  set_preference(lt, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(key.align_a));
  set_preference(lt, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(key.align_b));
  set_preference(lt, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(key.align_c));
  set_preference(lt, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(key.align_d));
  return preference;
}

cublasStatus_t run(const Stream& stream, const CublasPlans& plans, const Plan& plan, const Product& p,
                   const cublasLtMatmulAlgo_t& algorithm) {
  const float alpha = 1, beta = p.adds ? 1 : 0;
  return plans.lt.cublasLtMatmul(plans.handle, plan.operation.get(), &alpha, p.a.data, plan.a.get(), p.b.data,
                                 plan.b.get(), &beta, p.c.data, plan.c.get(), p.d.data, plan.d.get(), &algorithm,
                                 plans.workspace, kWorkspace, stream.cuda());
}

// ---- choosing an algorithm ------------------------------------------------------------------------------------------

constexpr int kCandidates = 8;

/// Fitting algorithms, those first that cuBLASLt thinks fastest.
std::vector<cublasLtMatmulAlgo_t> candidates(const CublasPlans& plans, const Plan& plan, const Key& key) {
  const Preference preference = make_preference(plans.lt, key);
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> results{};
  int count = 0;
  const cublasStatus_t status = plans.lt.cublasLtMatmulAlgoGetHeuristic(
      plans.handle, plan.operation.get(), plan.a.get(), plan.b.get(), plan.c.get(), plan.d.get(), preference.get(),
      kCandidates, results.data(), &count);
  // cuBLASLt calls some combinations of types, pitches and epilogue invalid and others not supported.
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  check_cublas(plans.lt, status, "cublasLtMatmulAlgoGetHeuristic");
  std::vector<cublasLtMatmulAlgo_t> fitting;
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& result = results[static_cast<std::size_t>(i)];
    if (result.state == CUBLAS_STATUS_SUCCESS) fitting.push_back(result.algo);
  }
  return fitting;
}

bool is_captured(const Stream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  CUDA_CHECK(cudaStreamIsCapturing(stream.cuda(), &status));
  return status != cudaStreamCaptureStatusNone;
}

class Event {
 public:
  Event() { CUDA_CHECK(cudaEventCreate(&event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }
  [[nodiscard]] cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Milliseconds of a few products, the least of three tries; infinite if the algorithm refuses.
float measure(const Stream& stream, const CublasPlans& plans, const Plan& plan, const Product& p,
              const cublasLtMatmulAlgo_t& algorithm) {
  constexpr int kTries = 3, kProducts = 4;
  constexpr float kRefused = std::numeric_limits<float>::infinity();
  if (run(stream, plans, plan, p, algorithm) != CUBLAS_STATUS_SUCCESS) return kRefused;  // and warms up
  const Event begin, end;
  float least = kRefused;
  for (int i = 0; i < kTries; ++i) {
    CUDA_CHECK(cudaEventRecord(begin.get(), stream.cuda()));
    for (int k = 0; k < kProducts; ++k) {
      check_cublas(plans.lt, run(stream, plans, plan, p, algorithm), "cublasLtMatmul");
    }
    CUDA_CHECK(cudaEventRecord(end.get(), stream.cuda()));
    CUDA_CHECK(cudaEventSynchronize(end.get()));
    float time = 0;
    CUDA_CHECK(cudaEventElapsedTime(&time, begin.get(), end.get()));
    least = std::min(least, time);
  }
  return least;
}

/// The fastest as measured. cuBLASLt's own first choice keeps its place unless another is clearly faster, so that
/// chance in measuring seldom decides.
std::optional<cublasLtMatmulAlgo_t> fastest(const Stream& stream, const CublasPlans& plans, const Plan& plan,
                                            const Product& p, const std::vector<cublasLtMatmulAlgo_t>& fitting) {
  constexpr float kClearly = 0.9F;
  std::optional<cublasLtMatmulAlgo_t> best;
  float best_time = std::numeric_limits<float>::infinity();
  for (const cublasLtMatmulAlgo_t& algorithm : fitting) {
    const float time = measure(stream, plans, plan, p, algorithm);
    if (time < best_time * (best ? kClearly : 1.0F)) {
      best = algorithm;
      best_time = time;
    }
  }
  return best;
}

std::optional<cublasLtMatmulAlgo_t> choose(const Stream& stream, const CublasPlans& plans, const Plan& plan,
                                           const Key& key, const Product& p) {
  const std::vector<cublasLtMatmulAlgo_t> fitting = candidates(plans, plan, key);
  if (fitting.empty()) return std::nullopt;
  if (fitting.size() == 1 || is_captured(stream)) return fitting.front();
  if (!p.adds || p.c.data != p.d.data) return fastest(stream, plans, plan, p, fitting);
  // Measured in place, the product would be added to D over and over: it goes beside.
  const std::size_t element = p.out == ElementType::f32 ? sizeof(float) : sizeof(Bfloat16);
  const auto release = [&plans](void* block) { plans.memory.release(block); };
  const std::unique_ptr<void, decltype(release)> beside(
      plans.memory.allocate(static_cast<std::size_t>(p.d.columns * p.d.ld) * element, false), release);
  Product measured = p;
  measured.d.data = beside.get();
  return fastest(stream, plans, plan, measured, fitting);
}

const Plan& find_plan(const Stream& stream, CublasPlans& plans, const Product& p) {
  const Key key = key_of(stream, p);
  if (const auto found = plans.plans.find(key); found != plans.plans.end()) return found->second;
  Plan plan{make_operation(plans.lt, p, stream.float32_math()),
            make_layout(plans.lt, p.in, p.a),
            make_layout(plans.lt, p.in, p.b),
            make_layout(plans.lt, p.out, p.c),
            make_layout(plans.lt, p.out, p.d),
            {}};
  static cuda::Choices<Key, cublasLtMatmulAlgo_t> choices;
  plan.algorithm = choices.find(key, [&] { return choose(stream, plans, plan, key, p); });
  return plans.plans.emplace(key, std::move(plan)).first->second;
}

}  // namespace

namespace cuda {

int alignment(const void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  for (int bytes = kBiasAlignment; bytes > 1; bytes /= 2) {
    if (address % static_cast<std::uintptr_t>(bytes) == 0) return bytes;
  }
  return 1;
}

CublasPlans* cublas_plans(Stream& stream) {
  auto& slot = stream.cublas_plans();
  if (!slot) {
    const Functions* functions = cublas_functions();
    if (functions == nullptr) return nullptr;
    slot = std::make_shared<CublasPlans>(*functions, stream.memory());
  }
  return slot.get();
}

KernelCopies& kernel_copies(CublasPlans& plans) { return plans.kernels; }

bool multiply(const Stream& stream, CublasPlans& plans, const Product& product) {
  KARYON_CHECK(product.adds || product.c.data == product.d.data, "without C, D stands in its place");
  const Plan& plan = find_plan(stream, plans, product);
  if (!plan.algorithm) return false;
  if (epilogue_vector(product) != nullptr) {
    set_operation(plans.lt, plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue_vector(product));
  }
  check_cublas(plans.lt, run(stream, plans, plan, product, *plan.algorithm), "cublasLtMatmul");
  if (stream.synchronous()) stream.synchronize();
  return true;
}

}  // namespace cuda
}  // namespace karyon

#endif
