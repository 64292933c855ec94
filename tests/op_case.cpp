#include "tests/op_case.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <span>
#include <sstream>
#include <utility>

#include "kernels/check.h"

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
      if (std::abs(got - expected.value) <= expected.tolerance) continue;
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

/// `first` are the results with one thread.
void run_twice(const OpCase& op, const Reference& reference, int threads, Bits& first, std::ostream& out) {
  Arguments bound(op.arguments);
  GuardedMemory memory;
  Stream stream(Device{}, threads, memory);
  op.run(stream, bound);
  compare_with_reference(op, reference, bound, out);
  check_memory(op, bound, memory, out);
  const Bits bits = result_bits(op, bound);
  if (threads == 1) first = bits;
  if (op.same_for_all_thread_counts && bits != first) {
    for (const auto& [name, value] : bits) {
      if (value != first[name]) out << op.name << ": " << name << " differs from that with 1 thread\n";
    }
  }
  bound.reset();
  op.run(stream, bound);
  if (result_bits(op, bound) != bits) out << op.name << ": a second run gives other bits\n";
}

}  // namespace

Expected sum_in_float(const reference::Sum& sum) {
  constexpr double kEps = std::numeric_limits<float>::epsilon();
  return {sum.value, 6 * kEps * sum.magnitude};
}

Argument input(std::string name, const Array& values, Slice slice, Element element) {
  return {std::move(name), Role::input, element, values.shape, slice, values.values, {}};
}

Argument output(std::string name, const Shape& shape, std::function<Expected(std::int64_t)> expected, Slice slice,
                Element element) {
  return {std::move(name), Role::output, element, shape, slice, {}, std::move(expected)};
}

Argument in_place(std::string name, const Array& values, std::function<Expected(std::int64_t)> expected, Slice slice) {
  return {std::move(name), Role::in_place, Element::f32, values.shape, slice, values.values, std::move(expected)};
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

FloatView Arguments::view(const std::string& name) {
  const auto found = buffers_.find(name);
  if (found == buffers_.end()) return {};
  const Shape& s = found->second.argument.shape;
  auto& buffer = std::get<GuardedBuffer<float>>(found->second.buffer);
  return {buffer.data(), s[0], s[1], s[2], s[3], buffer.pitch()};
}

std::vector<double> Arguments::values(const std::string& name) const {
  return std::visit(
      [](const auto& buffer) {
        const auto elements = buffer.values();
        return std::vector<double>(elements.begin(), elements.end());
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
    const double size = argument.element == Element::u8 ? 1 : argument.element == Element::f64 ? 8 : 4;
    const double passes = argument.role == Role::in_place ? 2 : 1;
    total += passes * size * static_cast<double>(reference::elements(argument.shape));
  }
  return total;
}

std::string faults(const OpCase& op) {
  std::ostringstream out;
  const Reference reference = evaluate_reference(op);
  Bits first;
  for (const int threads : {1, 2, 3}) {
    std::ostringstream run;
    try {
      run_twice(op, reference, threads, first, run);
    } catch (const std::exception& error) {
      run << op.name << ": threw " << error.what() << "\n";
    }
    if (!run.str().empty()) out << "with " << threads << " threads:\n" << run.str();
  }
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
  for (double& value : result.values) value = static_cast<double>(random.normal());
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
