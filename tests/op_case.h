// One description an op: arguments, how to call the kernel, and what must come out.
// Invariant: a case knows shapes, layouts, seeded inputs and tolerances, and nothing of where it runs; faults() runs it
// on every device there is (the CPU, a GPU if there is one; on the SIMT machine alone where that is built in) and gives
// back in words all that is wrong, gradient_faults() proves a reference's backward by finite differences of its
// forward.
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
/// activation: what the op's storage type is, f32 unless a StoredAs is in force.
enum class Element : std::uint8_t { f32, f64, u8, i32, bf16, activation };

/// While it lives, activations are stored as `type`: random numbers are of that type, and faults() runs on CUDA alone
/// if it is bf16. To be made after SKIP_WITHOUT_CUDA().
class StoredAs {
 public:
  explicit StoredAs(ElementType type);
  StoredAs(const StoredAs&) = delete;
  StoredAs& operator=(const StoredAs&) = delete;
  ~StoredAs();
  static ElementType current();
};

/// The nearest number that a float, or the type in force, holds.
double as_stored(double value);

/// Whether faults() runs cases on a GPU or on the SIMT machine.
bool runs_on_cuda();
#define SKIP_WITHOUT_CUDA() \
  if (!::karyon::testing::runs_on_cuda()) GTEST_SKIP() << "no CUDA device here"

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
                  Slice slice = {}, Element element = Element::f32);

/// The arguments in guarded memory, as the kernel is given them. One that the case leaves out is null.
class Arguments {
 public:
  explicit Arguments(const std::vector<Argument>& arguments);

  /// Sends everything to the stream's device, where view() and data() point from then on, and back. Nothing to do on
  /// the CPU.
  void to_device(const Stream& stream);
  void from_device(const Stream& stream);

  /// T must be what the argument is stored as; type() tells.
  template <class T = float>
  [[nodiscard]] View<T> view(const std::string& name) {
    const auto found = buffers_.find(name);
    if (found == buffers_.end()) return {};
    const Shape& s = found->second.argument.shape;
    auto& buffer = std::get<GuardedBuffer<T>>(found->second.buffer);
    return {buffer.data(), s[0], s[1], s[2], s[3], buffer.pitch()};
  }
  [[nodiscard]] ElementType type(const std::string& name) const;
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
    std::variant<GuardedBuffer<float>, GuardedBuffer<double>, GuardedBuffer<std::uint8_t>, GuardedBuffer<std::int32_t>,
                 GuardedBuffer<Bfloat16>>
        buffer;
  };
  std::map<std::string, Bound> buffers_;
};

struct OpCase {
  std::string name;
  std::vector<Argument> arguments;
  std::function<void(Stream&, Arguments&)> run;
  bool cpu_alone = false;    // run() works on the host's memory itself
  double multiply_adds = 0;  // for measuring
  std::int64_t sample = 0;   // elements of a result to compare with the reference; 0: all
  // Whether the results keep their bits whatever the number of threads (matrix products by oneDNN do not promise it).
  // For one number of threads they always must.
  bool same_for_all_thread_counts = true;
  bool cuda_alone = false;  // run() calls a function that has no CPU twin

  /// Least traffic: every input read and every output written once.
  [[nodiscard]] double bytes() const;
};

/// Runs the case on the CPU with streams of 1, 2 and 3 threads, on a GPU with one, each twice; on the SIMT machine in
/// forward, reverse and shuffled order, if it is not too large for it. Empty when all is well, else a line a fault:
/// wrong, unwritten or not reproducible elements, changed inputs, writes outside of a view or the workspace,
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

/// Standard normal numbers that a float (or the type of the StoredAs in force) holds exactly.
Array random_array(const Shape& shape, RandomStream& random);

std::string text(const Shape& shape);
std::string text(const ConvGeometry& geometry);
std::string text(Activation act);

}  // namespace karyon::testing
