// Reverse-mode differentiation: ops append what they did, backward() walks it in reverse.
// Invariant: one loop, no recursion. A gradient lives in a side table only until the op that made its tensor has
// consumed it; what nothing asks for is never computed. A backward kernel always overwrites; only the tape adds.
// Gradients of parameters go straight into the place they were watched with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/tensor.h"

namespace karyon {

/// A tensor kept for the backward pass, which must find it unchanged.
class Saved {
 public:
  Saved() = default;
  Saved(Tensor tensor, const char* op, const char* what)
      : tensor_(std::move(tensor)), stamp_(tensor_.stamp()), op_(op), what_(what) {}
  /// Error internal, naming op and tensor, when the numbers were changed since.
  [[nodiscard]] const Tensor& get() const;

 private:
  Tensor tensor_;
  std::uint64_t stamp_ = 0;
  const char* op_ = "";
  const char* what_ = "";
};

class Tape;

/// What a backward function sees: the gradient of its op's output, and where the inputs' gradients go.
class Gradients {
 public:
  [[nodiscard]] const Tensor& dy() const { return dy_; }
  [[nodiscard]] bool needs(std::size_t input) const { return needs_[input]; }
  /// The place to overwrite with the gradient of an input that needs one. At most once an input.
  Tensor destination(std::size_t input);
  /// Hands over a finished tensor as the gradient instead (an addition passes its dy on).
  void give(std::size_t input, Tensor gradient);

 private:
  friend class Tape;
  Gradients(Tape& tape, const std::vector<Tensor>& inputs, std::vector<bool> needs, Tensor dy);

  Tape& tape_;
  const std::vector<Tensor>& inputs_;
  std::vector<bool> needs_;
  Tensor dy_;
  std::vector<Tensor> results_;
};

class Tape {
 public:
  using Backward = std::function<void(Gradients&)>;

  /// A tape that does not record serves inference: nothing needs a gradient.
  explicit Tape(Context& context, bool recording = true) : context_(context), recording_(recording) {}

  [[nodiscard]] Context& context() const { return context_; }
  [[nodiscard]] Stream& stream() const { return context_.stream(); }
  /// From now on the gradient of `parameter` is wanted, and is written into `gradient` (same shape, dense).
  void watch(const Tensor& parameter, const Tensor& gradient);
  /// Whether a gradient will be asked for: a watched parameter, or made from one.
  [[nodiscard]] bool needs(const Tensor& tensor) const;
  /// Appends op(inputs) -> output when any input needs a gradient. `backward` fills those that do.
  void record(const char* op, std::vector<Tensor> inputs, const Tensor& output, Backward backward);
  /// Runs the tape backwards from d(loss)/d(output) = gradient and empties it. Watched parameters that the output does
  /// not depend on get zeros. Error internal, naming the op, when a gradient has another shape than its tensor.
  void backward(const Tensor& output, Tensor gradient);
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  friend class Gradients;
  struct Node {
    const char* op;
    std::vector<Tensor> inputs;
    std::uint64_t output;
    Shape output_shape;
    Backward backward;
  };
  struct Leaf {
    Tensor gradient;
    bool written = false;
  };
  void accumulate(const Node& node, const Tensor& input, const Tensor& gradient);

  Context& context_;
  bool recording_;
  std::vector<Node> nodes_;
  std::unordered_map<std::uint64_t, Leaf> leaves_;
  std::unordered_map<std::uint64_t, bool> made_;         // outputs of recorded ops
  std::unordered_map<std::uint64_t, Tensor> gradients_;  // the side table
};

}  // namespace karyon
