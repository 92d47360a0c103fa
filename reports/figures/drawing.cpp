#include "reports/figures/drawing.h"

#include <array>

namespace bench {

void Drawing::line(std::vector<Place> at, Ink ink) {
  Mark m;
  m.at = std::move(at), m.ink = ink;
  marks.push_back(std::move(m));
}

void Drawing::area(std::vector<Place> at, Ink ink) {
  line(std::move(at), ink);
  marks.back().kind = Mark::Kind::Area;
}

void Drawing::point(Place at, int series, const std::string& says, std::vector<size_t> trials) {
  Mark m;
  m.kind = Mark::Kind::Point;
  m.at = {at}, m.ink.series = series, m.shape = shape_of(series);
  m.text = says, m.trials = std::move(trials);
  marks.push_back(std::move(m));
}

void Drawing::text(Place at, const std::string& text, int anchor, Ink ink, double size) {
  Mark m;
  m.kind = Mark::Kind::Text;
  m.at = {at}, m.text = text, m.anchor = anchor, m.ink = ink, m.size = size;
  marks.push_back(std::move(m));
}

void Drawing::shade(Place from, Place to, double shade, const std::string& says) {
  Mark m;
  m.kind = Mark::Kind::Shade;
  m.at = {from, to}, m.shade = shade, m.text = says;
  marks.push_back(std::move(m));
}

Shape shape_of(int series) {
  if (series < 0) return Shape::Circle;
  return static_cast<Shape>((series % kColours + series / kColours) % 6);
}

/// Eight hues that keep apart in deuteranopia and protanopia (after Okabe and Ito, darkened to a
/// contrast of 3.5 and more on white).
Colour colour_of(int series) {
  static constexpr std::array<Colour, kColours> kHues{{{0.000, 0.404, 0.647},
                                                       {0.784, 0.314, 0.039},
                                                       {0.000, 0.498, 0.373},
                                                       {0.690, 0.278, 0.561},
                                                       {0.478, 0.376, 0.000},
                                                       {0.357, 0.294, 0.702},
                                                       {0.070, 0.490, 0.565},
                                                       {0.353, 0.353, 0.353}}};
  if (series >= 0) return kHues[static_cast<size_t>(series % kColours)];
  if (series == Ink::Faint) return {0.878, 0.878, 0.863};
  return series == Ink::Strong ? Colour{0.114, 0.122, 0.137} : Colour{0.361, 0.384, 0.424};
}

Colour shaded(double shade) {
  const auto mix = [&](double full) { return 1 - shade * (1 - full); };
  return {mix(0.000), mix(0.404), mix(0.647)};
}

}  // namespace bench
