// What the other CPU kernels need of oneDNN beside the convolutions of conv.h: matrix products, and its name.
// Invariant: oneDNN's API stays inside conv_dnnl.cpp, which builds against 2.6 and 3.x.
#pragma once

#include <cstdint>
#include <string>

namespace karyon {

/// C = op(A) op(B) + beta C for row-major float matrices; op transposes where asked. C is m x n, op(A) m x k, op(B) k x
/// n; ld* are the distances between rows as stored. Called inside a parallel region it runs on the calling thread
/// alone.
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);

/// "oneDNN 2.6.3".
std::string dnnl_version_text();

}  // namespace karyon
