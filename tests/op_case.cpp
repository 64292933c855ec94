#include "tests/op_case.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <utility>

#include "kernels/check.h"
#include "kernels/cuda_device.h"
#ifdef KARYON_SIMT_BUILD
#include "tests/simt/machine.h"
#endif

namespace karyon::testing {

namespace {

constexpr int kLinesShown = 4;  // wrong elements named for each argument

template <class T>
GuardedBuffer<T> make_buffer(const Argument& a) {
  const std::int64_t pixels = std::int64_t{a.shape[0]} * a.shape[1] * a.shape[2];
  return GuardedBuffer<T>(pixels, a.shape[3], a.slice.before, a.slice.before + a.shape[3] + a.slice.behind);
}

std::string place(const Argument& argument, std::int64_t flat) {
  const auto [n, h, w, c] = reference::unravel(argument.shape, flat);
  std::ostringstream out;
  out << argument.name << "[" << n << "," << h << "," << w << "," << c << "]";
  return out.str();
}

/// Every element when the case samples none, else `sample` spread ones with the first and the last among them.
std::vector<std::int64_t> elements_to_compare(std::int64_t count, std::int64_t sample) {
  std::vector<std::int64_t> chosen;
  if (sample == 0 || sample >= count) {
    chosen.resize(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) chosen[static_cast<std::size_t>(i)] = i;
    return chosen;
  }
  RandomStream random(static_cast<std::uint64_t>(count), Purpose::bench);
  chosen = {0, count - 1};
  for (std::int64_t i = 2; i < sample; ++i) chosen.push_back(random.below(static_cast<std::uint32_t>(count)));
  return chosen;
}

/// What the compared elements of an argument must be.
struct ExpectedElements {
  std::vector<std::int64_t> flat;
  std::vector<Expected> values;
};
using Reference = std::map<std::string, ExpectedElements>;

Reference evaluate_reference(const OpCase& op) {
  Reference reference;
  for (const Argument& argument : op.arguments) {
    if (argument.role == Role::input) continue;
    ExpectedElements& elements = reference[argument.name];
    elements.flat = elements_to_compare(reference::elements(argument.shape), op.sample);
    for (const std::int64_t i : elements.flat) elements.values.push_back(argument.expected(i));
  }
  return reference;
}

void compare_with_reference(const OpCase& op, const Reference& reference, const Arguments& bound, std::ostream& out) {
  for (const Argument& argument : op.arguments) {
    if (argument.role == Role::input) continue;
    const std::vector<double> result = bound.values(argument.name);
    const auto unwritten = std::count_if(result.begin(), result.end(), [](double x) { return std::isnan(x); });
    if (unwritten > 0) out << op.name << ": " << argument.name << ": " << unwritten << " elements are NaN\n";
    const ExpectedElements& elements = reference.at(argument.name);
    int wrong = 0;
    for (std::size_t i = 0; i < elements.flat.size(); ++i) {
      const Expected& expected = elements.values[i];
      const double got = result[static_cast<std::size_t>(elements.flat[i])];
      // A result in bf16 is rounded once more, to 8 bits.
      const double stored = argument.element == Element::bf16 ? std::abs(expected.value) * 0x1p-8 : 0;
      if (std::abs(got - expected.value) <= expected.tolerance + stored) continue;
      if (++wrong > kLinesShown) continue;
      out.precision(9);
      out << op.name << ": " << place(argument, elements.flat[i]) << " is " << got << ", expected " << expected.value
          << " within " << expected.tolerance << "\n";
    }
    if (wrong > kLinesShown) out << op.name << ": " << argument.name << ": " << wrong << " elements are wrong\n";
  }
}

void check_memory(const OpCase& op, const Arguments& bound, const GuardedMemory& workspace, std::ostream& out) {
  for (const Argument& argument : op.arguments) {
    if (!bound.intact(argument.name)) out << op.name << ": written outside of " << argument.name << "\n";
    if (argument.role == Role::input && bound.values(argument.name) != argument.values) {
      out << op.name << ": input " << argument.name << " has been changed\n";
    }
  }
  if (!workspace.intact()) out << op.name << ": written behind the workspace\n";
}

using Bits = std::map<std::string, std::vector<std::uint8_t>>;

Bits result_bits(const OpCase& op, const Arguments& bound) {
  Bits bits;
  for (const Argument& argument : op.arguments) {
    if (argument.role != Role::input) bits[argument.name] = bound.bits(argument.name);
  }
  return bits;
}

/// The results of the device's first run, which every other must repeat bit for bit.
using FirstBits = std::optional<Bits>;

void run_once(const OpCase& op, const Reference& reference, Stream& stream, const GuardedMemory& memory,
              Arguments& bound, FirstBits& first, const std::string& how, std::ostream& out) {
  bound.reset();
  bound.to_device(stream);
  op.run(stream, bound);
  bound.from_device(stream);
  compare_with_reference(op, reference, bound, out);
  check_memory(op, bound, memory, out);
  const Bits bits = result_bits(op, bound);
  if (!first) first = bits;
  for (const auto& [name, value] : bits) {
    if (value != first->at(name)) out << op.name << ": " << name << " has other bits than " << how << "\n";
  }
}

void run_on_cpu(const OpCase& op, const Reference& reference, std::ostream& out) {
  FirstBits first;
  for (const int threads : {1, 2, 3}) {
    std::ostringstream run;
    try {
      GuardedMemory memory;
      Stream stream({}, threads, memory);
      Arguments bound(op.arguments);
      if (!op.same_for_all_thread_counts) first.reset();
      run_once(op, reference, stream, memory, bound, first, "those with 1 thread", run);
      run_once(op, reference, stream, memory, bound, first, "a first run", run);
    } catch (const std::exception& error) {
      run << op.name << ": threw " << error.what() << "\n";
    }
    if (!run.str().empty()) out << "with " << threads << " threads:\n" << run.str();
  }
}

#if KARYON_WITH_CUDA
constexpr Device kCuda{Device::Kind::cuda, 0};

/// What a case must not do twice the same way: on a GPU nothing but to run again, on the SIMT machine the three orders.
std::vector<std::pair<std::string, std::function<void()>>> cuda_runs() {
#ifdef KARYON_SIMT_BUILD
  const auto in = [](simt::Order order) { return [order] { simt::set_order(order); }; };
  return {{"simt, forward", in(simt::Order::forward)},
          {"simt, reverse", in(simt::Order::reverse)},
          {"simt, shuffled", in(simt::Order::shuffled)}};
#else
  const auto nothing = [] {};
  return {{"cuda", nothing}, {"cuda again", nothing}};
#endif
}

void run_on_cuda(const OpCase& op, const Reference& reference, std::ostream& out) {
  FirstBits first;
  for (const auto& [how, prepare] : cuda_runs()) {
    std::ostringstream run;
    try {
      prepare();
      GuardedMemory memory(kCuda);
      Stream stream(kCuda, 1, memory);
      Arguments bound(op.arguments);
      run_once(op, reference, stream, memory, bound, first, "the first run", run);
    } catch (const std::exception& error) {
      run << op.name << ": threw " << error.what() << "\n";
    }
    if (!run.str().empty()) out << how << ":\n" << run.str();
  }
}
#endif

Element resolved(Element element) {
  if (element != Element::activation) return element;
  return StoredAs::current() == ElementType::bf16 ? Element::bf16 : Element::f32;
}

ElementType& stored_type() {
  static ElementType type = ElementType::f32;
  return type;
}

}  // namespace

Expected sum_in_float(const reference::Sum& sum) {
  constexpr double kEps = std::numeric_limits<float>::epsilon();
  return {sum.value, 6 * kEps * sum.magnitude};
}

Argument input(std::string name, const Array& values, Slice slice, Element element) {
  return {std::move(name), Role::input, resolved(element), values.shape, slice, values.values, {}};
}

Argument output(std::string name, const Shape& shape, std::function<Expected(std::int64_t)> expected, Slice slice,
                Element element) {
  return {std::move(name), Role::output, resolved(element), shape, slice, {}, std::move(expected)};
}

Argument in_place(std::string name, const Array& values, std::function<Expected(std::int64_t)> expected, Slice slice,
                  Element element) {
  return {std::move(name), Role::in_place, resolved(element), values.shape, slice, values.values, std::move(expected)};
}

Arguments::Arguments(const std::vector<Argument>& arguments) {
  for (const Argument& a : arguments) {
    KARYON_CHECK(a.role == Role::output || static_cast<std::int64_t>(a.values.size()) == reference::elements(a.shape),
                 "values for every element of " + a.name);
    switch (a.element) {
      case Element::f32:
        buffers_.emplace(a.name, Bound{a, make_buffer<float>(a)});
        break;
      case Element::f64:
        buffers_.emplace(a.name, Bound{a, make_buffer<double>(a)});
        break;
      case Element::u8:
        buffers_.emplace(a.name, Bound{a, make_buffer<std::uint8_t>(a)});
        break;
      case Element::i32:
        buffers_.emplace(a.name, Bound{a, make_buffer<std::int32_t>(a)});
        break;
      case Element::bf16:
        buffers_.emplace(a.name, Bound{a, make_buffer<Bfloat16>(a)});
        break;
      case Element::activation:
        KARYON_CHECK(false, "resolved when the argument was made");
    }
  }
  reset();
}

void Arguments::reset() {
  for (auto& [name, bound] : buffers_) {
    const Argument& argument = bound.argument;
    std::visit(
        [&](auto& buffer) {
          if (argument.role == Role::output) {
            buffer.fill_poison();
          } else {
            buffer.fill(argument.values);
          }
        },
        bound.buffer);
  }
}

void Arguments::to_device(const Stream& stream) {
  if (!stream.device().is_cuda()) return;
  for (auto& [name, bound] : buffers_) std::visit([&](auto& buffer) { buffer.to_device(stream); }, bound.buffer);
}

void Arguments::from_device(const Stream& stream) {
  if (!stream.device().is_cuda()) return;
  for (auto& [name, bound] : buffers_) std::visit([&](auto& buffer) { buffer.from_device(stream); }, bound.buffer);
}

ElementType Arguments::type(const std::string& name) const {
  return buffers_.at(name).argument.element == Element::bf16 ? ElementType::bf16 : ElementType::f32;
}

std::vector<double> Arguments::values(const std::string& name) const {
  return std::visit(
      [](const auto& buffer) {
        const auto elements = buffer.values();
        std::vector<double> doubles(elements.size());
        std::transform(elements.begin(), elements.end(), doubles.begin(), [](auto value) { return to_double(value); });
        return doubles;
      },
      buffers_.at(name).buffer);
}

std::vector<std::uint8_t> Arguments::bits(const std::string& name) const {
  return std::visit(
      [](const auto& buffer) {
        const auto elements = buffer.values();
        const auto bytes = std::as_bytes(std::span(elements));
        std::vector<std::uint8_t> copy(bytes.size());
        std::memcpy(copy.data(), bytes.data(), bytes.size());
        return copy;
      },
      buffers_.at(name).buffer);
}

bool Arguments::intact(const std::string& name) const {
  return std::visit([](const auto& buffer) { return buffer.intact(); }, buffers_.at(name).buffer);
}

double OpCase::bytes() const {
  double total = 0;
  for (const Argument& argument : arguments) {
    const double size = argument.element == Element::u8     ? 1
                        : argument.element == Element::bf16 ? 2
                        : argument.element == Element::f64  ? 8
                                                            : 4;
    const double passes = argument.role == Role::in_place ? 2 : 1;
    total += passes * size * static_cast<double>(reference::elements(argument.shape));
  }
  return total;
}

StoredAs::StoredAs(ElementType type) { stored_type() = type; }
StoredAs::~StoredAs() { stored_type() = ElementType::f32; }
ElementType StoredAs::current() { return stored_type(); }

double as_stored(double value) {
  const auto rounded = static_cast<float>(value);
  return StoredAs::current() == ElementType::bf16 ? to_double(to_bfloat16(rounded)) : static_cast<double>(rounded);
}

bool runs_on_cuda() {
#ifdef KARYON_SIMT_BUILD
  return true;
#elif KARYON_WITH_CUDA
  static const bool kUsable = cuda::find_devices().usable(kCuda.index);
  return kUsable;
#else
  return false;
#endif
}

std::string faults(const OpCase& op) {
  std::ostringstream out;
#ifdef KARYON_SIMT_BUILD
  constexpr bool on_cpu = false;  // the CPU's twin is tested where it is not slowed down
  constexpr double kMostMultiplyAdds = 4e6, kMostBytes = 1.5e6;
  if (op.multiply_adds > kMostMultiplyAdds || op.bytes() > kMostBytes) return "";
#else
  const bool on_cpu = StoredAs::current() == ElementType::f32 && !op.cuda_alone;
#endif
  const Reference reference = evaluate_reference(op);
  if (on_cpu) run_on_cpu(op, reference, out);
#if KARYON_WITH_CUDA
  if (runs_on_cuda() && !op.cpu_alone) run_on_cuda(op, reference, out);
#endif
  return out.str();
}

std::string gradient_faults(const GradientCase& op) {
  constexpr double kStep = 1e-5, kRelative = 1e-6;
  std::ostringstream out;
  out.precision(12);
  std::vector<Array> inputs = op.inputs;
  RandomStream random(7, Purpose::bench);
  const Array dy = random_array(op.forward(inputs).shape, random);
  const std::vector<Array> gradients = op.backward(inputs, dy);
  const auto loss = [&] {
    const Array y = op.forward(inputs);
    double sum = 0;
    for (std::size_t i = 0; i < y.values.size(); ++i) sum += dy.values[i] * y.values[i];
    return sum;
  };
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (gradients[k].empty()) continue;
    double largest = 0;
    for (const double g : gradients[k].values) largest = std::max(largest, std::abs(g));
    int wrong = 0;
    for (std::size_t i = 0; i < inputs[k].values.size() && wrong < kLinesShown; ++i) {
      const double kept = std::exchange(inputs[k].values[i], inputs[k].values[i] + kStep);
      const double above = loss();
      inputs[k].values[i] = kept - kStep;
      const double below = loss();
      inputs[k].values[i] = kept;
      const double numeric = (above - below) / (2 * kStep), analytic = gradients[k].values[i];
      if (std::abs(numeric - analytic) <= kRelative * largest) continue;
      ++wrong;
      out << op.name << ": gradient of input " << k << " at " << i << " is " << analytic << ", by differences "
          << numeric << "\n";
    }
  }
  return out.str();
}

Array random_array(const Shape& shape, RandomStream& random) {
  Array result(shape);
  for (double& value : result.values) value = as_stored(static_cast<double>(random.normal()));
  return result;
}

std::string text(const Shape& s) {
  return std::to_string(s[0]) + "x" + std::to_string(s[1]) + "x" + std::to_string(s[2]) + "x" + std::to_string(s[3]);
}

std::string text(const ConvGeometry& g) {
  std::ostringstream out;
  out << "k" << g.kernel_h << "x" << g.kernel_w << " s" << g.stride_h << "x" << g.stride_w << " p(" << g.pad.top << ","
      << g.pad.bottom << "," << g.pad.left << "," << g.pad.right << ")";
  return out.str();
}

std::string text(Activation act) {
  return act == Activation::none ? "linear" : act == Activation::relu ? "relu" : "relu6";
}

}  // namespace karyon::testing
