// One matrix product by cuBLASLt, with what its epilogue can carry along. Inside of gemm_cublas.cpp's walls.
// Invariant: matrices are stored as cuBLASLt wants them, a column every `ld` elements. Sums are in float. An algorithm
// is chosen once a process for all that its fitness and speed depend on.
#pragma once

#include "kernels/library_plans.h"

namespace karyon::cuda {

struct Matrix {
  void* data = nullptr;
  std::int64_t rows = 0, columns = 0, ld = 0;
};

/// D = op(A) op(B) + C, then + bias, then ReLU.
struct Product {
  Matrix a, b, c, d;
  bool transpose_a = false, transpose_b = false;
  bool adds = false;                                          // C, which may be D; else C must be D, and is not read
  ElementType in = ElementType::f32, out = ElementType::f32;  // of A and B; of C and D
  void* bias = nullptr;  // a number of type `out` for each row of D, aligned to kBiasAlignment
  bool relu = false;
  void* row_sums_of_a = nullptr;  // if not null, the sums of op(A)'s rows are written there, in type `out`
};

/// More than 16 bytes of alignment change nothing.
constexpr int kBiasAlignment = 16;
/// The highest power of two, up to that, that divides the address.
int alignment(const void* p);

/// Null where the library is not there.
CublasPlans* cublas_plans(Stream& stream);
/// Where copies of kernels are kept.
KernelCopies& kernel_copies(CublasPlans& plans);
/// Queues the product; false, C being as it was, if no algorithm fits.
bool multiply(const Stream& stream, CublasPlans& plans, const Product& product);

}  // namespace karyon::cuda
