#include "engine/graph.h"

#include "kernels/check.h"
#if KARYON_WITH_CUDA
#include "kernels/cuda_check.h"
#endif

namespace karyon {

#if KARYON_WITH_CUDA

namespace {

cudaGraph_t capture(Stream& stream, const std::function<void()>& work) {
  // Relaxed: what a library allocates for itself meanwhile is no part of the graph.
  CUDA_CHECK(cudaStreamBeginCapture(stream.cuda(), cudaStreamCaptureModeRelaxed));
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    cudaStreamEndCapture(stream.cuda(), &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  CUDA_CHECK(cudaStreamEndCapture(stream.cuda(), &graph));
  return graph;
}

}  // namespace

Graph::Graph(Context& context, const std::function<void()>& work) : context_(context) {
  KARYON_CHECK(context.stream().device().is_cuda(), "graphs are CUDA's");
  context.memory().begin_pool();
  try {
    cudaGraph_t graph = capture(context.stream(), work);
    const cudaError_t status = cudaGraphInstantiate(&exec_, graph, 0);
    cudaGraphDestroy(graph);
    CUDA_CHECK(status);
  } catch (...) {
    context.memory().release_pool(context.memory().end_pool());
    throw;
  }
  pool_ = context.memory().end_pool();
}

Graph::~Graph() {
  cudaStreamSynchronize(context_.stream().cuda());  // a dead context's errors were thrown before
  cudaGraphExecDestroy(exec_);
  context_.memory().release_pool(pool_);
}

void Graph::launch() { CUDA_CHECK(cudaGraphLaunch(exec_, context_.stream().cuda())); }

#else

Graph::Graph(Context& context, const std::function<void()>& /*work*/) : context_(context) {
  KARYON_CHECK(false, "graphs are CUDA's, and this build has no CUDA part");
}
Graph::~Graph() = default;
void Graph::launch() {}

#endif

}  // namespace karyon
