#pragma once
#include <string>
#include <vector>

namespace bench {

// A figure as data: what is drawn where. The page and `bench plot` write the same drawing, as SVG
// or as PDF. Units are CSS pixels, y goes down.

struct Place {
  double x = 0, y = 0;
};

enum class Shape { Circle, Square, Triangle, Diamond, Cross, Star };

/// Series are told apart by colour and shape, so that colour is never the only sign.
struct Ink {
  enum { Soft = -1, Faint = -2, Strong = -3 };  // no series: text, grid, emphasis
  int series = Soft;
  double width = 1.5;
  bool dashed = false;
};

struct Mark {
  enum class Kind { Line, Area, Point, Text, Shade };
  Kind kind = Kind::Line;
  std::vector<Place> at;  // of a shade: two corners; of a point or a text: one place
  Ink ink;
  Shape shape = Shape::Circle;
  double size = 3.5;     // a point's radius, a text's height
  double shade = 0;      // 0 to 1: from the ground's colour to the full one
  int anchor = 0;        // of a text: -1 begins here, 0 is centred, 1 ends here
  bool upright = false;  // of a text: reads upwards
  bool bold = false;
  std::string text;            // of a text; of a point and a shade what it says when asked
  std::vector<size_t> trials;  // what a point is made of: places in Rows::trials
};

struct Drawing {
  double width = 0, height = 0;
  std::string title;  // one sentence for who cannot see it
  std::vector<Mark> marks;

  void line(std::vector<Place> at, Ink ink);
  void area(std::vector<Place> at, Ink ink);
  void point(Place at, int series, const std::string& says, std::vector<size_t> trials = {});
  void text(Place at, const std::string& text, int anchor, Ink ink = {}, double size = 12);
  void shade(Place from, Place to, double shade, const std::string& says);
};

/// The shape of a series: with its colour unique among 48.
Shape shape_of(int series);
inline constexpr int kColours = 8;
/// Red, green, blue, 0 to 1, on a light ground.
struct Colour {
  double r, g, b;
};
Colour colour_of(int series);
Colour shaded(double shade);

/// One <svg>. `alone`: with its own colours, as a file; else the page's (classes c0 ... c7, soft,
/// faint, strong) and data-s, data-t attributes by which its script finds series and trials.
std::string svg_of(const Drawing& drawing, bool alone);
/// One page of PDF 1.4 in Helvetica.
std::string pdf_of(const Drawing& drawing);

}  // namespace bench
