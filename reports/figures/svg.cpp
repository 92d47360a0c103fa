#include <fmt/format.h>

#include <cmath>

#include "reports/escape.h"
#include "reports/figures/drawing.h"

namespace bench {

namespace {

/// A tenth of a pixel is enough, and short.
std::string num(double v) {
  auto text = fmt::format("{:.1f}", v);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string path_of(const std::vector<Place>& at, bool closed) {
  std::string d;
  for (const auto& p : at) d += fmt::format("{}{} {}", d.empty() ? "M" : "L", num(p.x), num(p.y));
  return d + (closed ? "Z" : "");
}

/// Around the origin, of radius r; equal areas look equal.
std::string shape_path(Shape shape, double r) {
  const double s = 0.89 * r, t = 1.2 * r;
  switch (shape) {
    case Shape::Circle:
      return fmt::format("M{0} 0A{1} {1} 0 1 1 {2} 0A{1} {1} 0 1 1 {0} 0Z", num(r), num(r),
                         num(-r));
    case Shape::Square:
      return fmt::format("M{0} {0}H{1}V{1}H{0}Z", num(-s), num(s));
    case Shape::Triangle:
      return fmt::format("M0 {0}L{1} {2}H{3}Z", num(-t), num(t), num(0.8 * t), num(-t));
    case Shape::Diamond:
      return fmt::format("M0 {0}L{1} 0L0 {1}L{0} 0Z", num(-t), num(t));
    case Shape::Cross:
      return fmt::format("M{0} {0}L{1} {1}M{0} {1}L{1} {0}", num(-s), num(s));
    case Shape::Star:
      return fmt::format("M{0} 0H{1}M0 {0}V{1}M{2} {2}L{3} {3}M{2} {3}L{3} {2}", num(-t), num(t),
                         num(-0.7 * t), num(0.7 * t));
  }
  return "";
}

bool is_open(Shape shape) {
  return shape == Shape::Cross || shape == Shape::Star;
}

std::string class_of(const Ink& ink) {
  if (ink.series >= 0) return fmt::format("c{}", ink.series % kColours);
  return ink.series == Ink::Faint ? "faint" : ink.series == Ink::Strong ? "strong" : "soft";
}

/// How the page's script finds what belongs to a series, and the trials behind a point.
std::string marks_of(const Mark& m) {
  std::string text;
  if (m.ink.series >= 0) text += fmt::format(" data-s=\"{}\"", m.ink.series);
  if (!m.trials.empty())
    text += fmt::format(" data-t=\"{}\" tabindex=\"0\" role=\"button\"", fmt::join(m.trials, " "));
  return text;
}

std::string told(const std::string& text) {
  return text.empty() ? "" : "<title>" + html(text) + "</title>";
}

std::string element(const Mark& m) {
  const auto ink = class_of(m.ink);
  const auto about = marks_of(m);
  switch (m.kind) {
    case Mark::Kind::Line:
      return fmt::format("<path class=\"l {}\" d=\"{}\" stroke-width=\"{}\"{}{}/>", ink,
                         path_of(m.at, false), num(m.ink.width),
                         m.ink.dashed ? " stroke-dasharray=\"5 4\"" : "", about);
    case Mark::Kind::Area:
      return fmt::format("<path class=\"a {}\" d=\"{}\"{}/>", ink, path_of(m.at, true), about);
    case Mark::Kind::Point:
      return fmt::format(
          "<path class=\"{} {}\" transform=\"translate({} {})\" d=\"{}\"{}{}>{}</path>",
          is_open(m.shape) ? "o" : "p", ink, num(m.at[0].x), num(m.at[0].y),
          shape_path(m.shape, m.size), about,
          m.trials.empty() ? "" : fmt::format(" aria-label=\"{}\"", html(m.text)), told(m.text));
    case Mark::Kind::Shade: {
      const auto [from, to] = std::pair(m.at[0], m.at[1]);
      return fmt::format(
          "<rect class=\"h\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"{:.2f}\""
          "{}>{}</rect>",
          num(from.x), num(from.y), num(to.x - from.x), num(to.y - from.y), m.shade, about,
          told(m.text));
    }
    case Mark::Kind::Text: {
      const auto turn = m.upright ? fmt::format(" transform=\"rotate(-90 {} {})\"", num(m.at[0].x),
                                                num(m.at[0].y))
                                  : "";
      const char* anchor = m.anchor < 0 ? "start" : m.anchor > 0 ? "end" : "middle";
      return fmt::format(
          "<text class=\"t {}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\" font-size=\"{}\"{}{}{}>{}"
          "</text>",
          ink, num(m.at[0].x), num(m.at[0].y), anchor, num(m.size),
          m.bold ? " font-weight=\"600\"" : "", turn, about, html(m.text));
    }
  }
  return "";
}

std::string hex(const Colour& c) {
  const auto byte = [](double v) { return static_cast<int>(std::lround(255 * v)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(c.r), byte(c.g), byte(c.b));
}

/// The rules that the page has in its style sheet, with the colours of a light ground.
std::string own_style() {
  std::string css =
      "text{font-family:Helvetica,Arial,sans-serif}.l,.o{fill:none;stroke:currentColor}"
      ".l{stroke-linejoin:round}.o{stroke-width:1.8}.p,.t{fill:currentColor}"
      ".a{fill:currentColor;opacity:.14}";
  css += ".h{fill:" + hex(shaded(1)) + "}";
  for (const auto& [name, series] :
       {std::pair("soft", Ink::Soft), {"faint", Ink::Faint}, {"strong", Ink::Strong}})
    css += fmt::format(".{}{{color:{}}}", name, hex(colour_of(series)));
  for (int i = 0; i < kColours; ++i) css += fmt::format(".c{}{{color:{}}}", i, hex(colour_of(i)));
  return "<style>" + css + "</style>";
}

}  // namespace

std::string svg_of(const Drawing& drawing, bool alone) {
  std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\"",
                                num(drawing.width), num(drawing.height));
  if (alone)
    out += fmt::format(" width=\"{}\" height=\"{}\"", num(drawing.width), num(drawing.height));
  // A group with a name, not one image: what can be asked for lies inside it.
  out += fmt::format(" role=\"group\" aria-label=\"{}\">", html(drawing.title));
  if (alone)
    out += "<title>" + html(drawing.title) + "</title>" + own_style() +
           "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>";
  for (const auto& m : drawing.marks) out += element(m);
  return out + "</svg>\n";
}

}  // namespace bench
