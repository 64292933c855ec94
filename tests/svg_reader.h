// Reads what the SVG writer writes, strictly, to judge it: elements in order, and the places of its texts.
// Invariant: anything that is not well-formed XML of the kind written (no comments, no CDATA) is a failure of the test.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "apps/drawing/shapes.h"

namespace karyon {

struct SvgElement {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string content;  // as it stands between the tags, entities as written

  [[nodiscard]] double number(const std::string& attribute) const { return std::stod(attributes.at(attribute)); }
};

class SvgReader {
 public:
  explicit SvgReader(std::string_view text) : rest_(text) {
    take(R"(<?xml version="1.0" encoding="UTF-8"?>)");
    while (!failed_ && !rest_.empty()) next();
    EXPECT_TRUE(open_.empty()) << "an element is left open";
    EXPECT_FALSE(failed_) << "not well-formed at: " << rest_.substr(0, 80);
  }

  [[nodiscard]] const std::vector<SvgElement>& elements() const { return elements_; }

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const SvgElement& e : elements_) {
      if (e.name == "text") texts.push_back(e.content);
    }
    return texts;
  }

 private:
  static bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == ':'; }

  void take(std::string_view expected) {
    if (rest_.substr(0, expected.size()) == expected) {
      rest_.remove_prefix(expected.size());
    } else {
      failed_ = true;
    }
  }

  std::string name() {
    std::size_t length = 0;
    while (length < rest_.size() && is_name(rest_[length])) ++length;
    failed_ = failed_ || length == 0;
    std::string result(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return result;
  }

  /// Up to the character, which is not taken; & only as the start of an entity, < and control characters never.
  std::string characters(char end) {
    const std::size_t length = std::min(rest_.find(end), rest_.size());
    std::string result(rest_.substr(0, length));
    rest_.remove_prefix(length);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const auto c = static_cast<unsigned char>(result[i]);
      if (c == '<' || (c < ' ' && c != '\n')) failed_ = true;
      if (c != '&') continue;
      const std::string entity = result.substr(i, result.find(';', i) - i);
      failed_ =
          failed_ || (entity != "&amp" && entity != "&lt" && entity != "&gt" && entity != "&quot" && entity != "&#39");
    }
    return result;
  }

  void next() {
    const std::string content = characters('<');
    if (!open_.empty()) elements_[open_.back()].content += content;
    if (rest_.empty()) return;
    take("<");
    if (rest_.starts_with('/')) return close();
    SvgElement element;
    element.name = name();
    while (!failed_ && rest_.starts_with(' ')) {
      take(" ");
      const std::string key = name();
      take("=\"");
      const bool is_new = element.attributes.emplace(key, characters('"')).second;
      failed_ = failed_ || !is_new;
      take("\"");
    }
    elements_.push_back(element);
    if (rest_.starts_with('/')) return take("/>");
    take(">");
    open_.push_back(elements_.size() - 1);
  }

  void close() {
    take("/");
    failed_ = failed_ || open_.empty() || name() != elements_[open_.back()].name;
    take(">");
    if (!open_.empty()) open_.pop_back();
  }

  std::string_view rest_;
  std::vector<SvgElement> elements_;
  std::vector<std::size_t> open_;
  bool failed_ = false;
};

/// The place of a text element's letters.
inline Rect place_of(const SvgElement& text) {
  const double width = text.number("textLength"), size = text.number("font-size");
  const auto anchor = text.attributes.find("text-anchor");
  const double share = anchor == text.attributes.end() ? 0 : anchor->second == "middle" ? 0.5 : 1;
  return {text.number("x") - share * width, text.number("y") - 0.75 * size, width, 0.95 * size};
}

/// Every text lies on the page and no two of them on each other.
inline void expect_readable(const std::string& svg) {
  const SvgReader reader(svg);
  const double width = reader.elements().at(0).number("width"), height = reader.elements().at(0).number("height");
  std::vector<Rect> places;
  for (const SvgElement& e : reader.elements()) {
    if (e.name != "text") continue;
    const Rect r = place_of(e);
    EXPECT_TRUE(r.x >= 0 && r.y >= 0 && r.right() <= width && r.bottom() <= height) << e.content << " is cut off";
    for (const Rect& other : places) {
      const bool apart = r.right() <= other.x || other.right() <= r.x || r.bottom() <= other.y || other.bottom() <= r.y;
      EXPECT_TRUE(apart) << e.content << " lies on another text";
    }
    places.push_back(r);
  }
}

}  // namespace karyon
