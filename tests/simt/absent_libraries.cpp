// What stands in for conv_cudnn.cpp and gemm_cublas.cpp on the SIMT machine: neither library is there.
