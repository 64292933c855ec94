// One description an op: arguments, how to call the kernel, and what must come out.
// Invariant: a case knows shapes, layouts, seeded inputs and tolerances, and nothing of where it runs; faults() runs it
// on the CPU and gives back in words all that is wrong, gradient_faults() proves a reference's backward by finite
// differences of its forward. A further backend is a further function over the same OpCase.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "engine/random.h"
#include "kernels/stream.h"
#include "kernels/view.h"
#include "tests/guarded_buffer.h"
#include "tests/reference/activation.h"
#include "tests/reference/array.h"

namespace karyon::testing {

using reference::Array;
using reference::Shape;

/// A channel slice: `before` and `behind` are the channels of the whole that lie beside the view's own in each pixel.
struct Slice {
  int before = 0, behind = 0;
};

/// What an element of a result must be: |result - value| <= tolerance.
struct Expected {
  double value = 0;
  double tolerance = 0;
};

/// A sum in float, in whatever order. For terms of zero mean the rounding errors add up to a random walk with a
/// standard deviation near eps/2 * sum |terms|, however many terms there are (Higham and Mary 2020); twelve of these
/// are allowed. One term left out of a million is still more than that.
Expected sum_in_float(const reference::Sum& sum);

/// Such an expectation for each element, from a function of four indices that returns a Sum; then the activation, which
/// stretches no error.
template <class ElementSum>
std::function<Expected(std::int64_t)> sums_in_float(const Shape& shape, ElementSum element,
                                                    Activation act = Activation::none) {
  return [shape, element, act](std::int64_t flat) {
    const auto [a, b, c, d] = reference::unravel(shape, flat);
    Expected expected = sum_in_float(element(a, b, c, d));
    expected.value = reference::activate(act, expected.value);
    return expected;
  };
}

enum class Role : std::uint8_t { input, output, in_place };
enum class Element : std::uint8_t { f32, f64, u8, i32 };

struct Argument {
  std::string name;
  Role role = Role::input;
  Element element = Element::f32;
  Shape shape{1, 1, 1, 1};
  Slice slice;
  std::vector<double> values;                           // dense; inputs and in_place
  std::function<Expected(std::int64_t flat)> expected;  // outputs and in_place
};

Argument input(std::string name, const Array& values, Slice slice = {}, Element element = Element::f32);
Argument output(std::string name, const Shape& shape, std::function<Expected(std::int64_t)> expected, Slice slice = {},
                Element element = Element::f32);
/// An argument read and overwritten: a destination that may be a source, or a state that moves.
Argument in_place(std::string name, const Array& values, std::function<Expected(std::int64_t)> expected,
                  Slice slice = {});

/// The arguments in guarded memory, as the kernel is given them. One that the case leaves out is null.
class Arguments {
 public:
  explicit Arguments(const std::vector<Argument>& arguments);

  [[nodiscard]] FloatView view(const std::string& name);
  template <class T = float>
  [[nodiscard]] T* data(const std::string& name) {
    const auto found = buffers_.find(name);
    return found == buffers_.end() ? nullptr : std::get<GuardedBuffer<T>>(found->second.buffer).data();
  }

  /// Elements as doubles, dense; the bits as well, to compare runs.
  [[nodiscard]] std::vector<double> values(const std::string& name) const;
  [[nodiscard]] std::vector<std::uint8_t> bits(const std::string& name) const;
  [[nodiscard]] bool intact(const std::string& name) const;
  /// Inputs as at the start, outputs poisoned.
  void reset();

 private:
  struct Bound {
    Argument argument;
    std::variant<GuardedBuffer<float>, GuardedBuffer<double>, GuardedBuffer<std::uint8_t>, GuardedBuffer<std::int32_t>>
        buffer;
  };
  std::map<std::string, Bound> buffers_;
};

struct OpCase {
  std::string name;
  std::vector<Argument> arguments;
  std::function<void(Stream&, Arguments&)> run;
  double multiply_adds = 0;  // for measuring
  std::int64_t sample = 0;   // elements of a result to compare with the reference; 0: all
  // Whether the results keep their bits whatever the number of threads (matrix products by oneDNN do not promise it).
  // For one number of threads they always must.
  bool same_for_all_thread_counts = true;

  /// Least traffic: every input read and every output written once.
  [[nodiscard]] double bytes() const;
};

/// Runs the case on the CPU with streams of 1, 2 and 3 threads, each twice. Empty when all is well, else a line a
/// fault: wrong, unwritten or not reproducible elements, changed inputs, writes outside of a view or the workspace,
/// exceptions.
std::string faults(const OpCase& op);

struct GradientCase {
  std::string name;
  std::vector<Array> inputs;
  std::function<Array(const std::vector<Array>&)> forward;
  /// Given dy: the gradients in the order of the inputs; an empty Array is not checked.
  std::function<std::vector<Array>(const std::vector<Array>&, const Array& dy)> backward;
};

/// Compares backward with central differences of sum(dy * forward), to 1e-6 of each gradient's largest element.
std::string gradient_faults(const GradientCase& op);

/// Standard normal numbers that a float holds exactly.
Array random_array(const Shape& shape, RandomStream& random);

std::string text(const Shape& shape);
std::string text(const ConvGeometry& geometry);
std::string text(Activation act);

}  // namespace karyon::testing
