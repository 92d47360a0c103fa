// PDF 1.4 (ISO 32000-1 has the same operators): one page, paths and text in Helvetica, which every
// reader has. Text beyond WinAnsi becomes a question mark.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/utf8.h"
#include "reports/figures/drawing.h"

namespace bench {

namespace {

constexpr double kPoint = 0.75;  // of a CSS pixel: 1/72 inch

std::string win_ansi(const std::string& text) {
  static const std::map<uint32_t, unsigned char> kOthers{
      {0x2013, 0x96}, {0x2014, 0x97}, {0x2026, 0x85}, {0x2018, 0x91}, {0x2019, 0x92},
      {0x201c, 0x93}, {0x201d, 0x94}, {0x2022, 0x95}, {0x2212, 0x2d}, {0x20ac, 0x80}};
  std::string out;
  const auto whole = text::lossy_utf8(text);
  for (size_t at = 0; at < whole.size();) {
    const auto c = text::next_code_point(whole, at);
    const auto it = kOthers.find(c);
    const unsigned char byte = it != kOthers.end() ? it->second
                               : (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0x100)
                                   ? static_cast<unsigned char>(c)
                                   : '?';
    if (byte == '(' || byte == ')' || byte == '\\') out += '\\';
    out += static_cast<char>(byte);
  }
  return out;
}

/// Helvetica's widths in thousandths, from its AFM: of digits, capitals and small letters as far as
/// they differ; 556 is right for the rest to a few per cent, which only moves right-bound labels.
double width_of(const std::string& ansi, double size) {
  double sum = 0;
  for (const char c : ansi) {
    if (std::string_view("ijlI.,:;|'").find(c) != std::string_view::npos)
      sum += 240;
    else if (std::string_view("ft-()[] /").find(c) != std::string_view::npos)
      sum += 290;
    else if (std::string_view("rcksvxyz").find(c) != std::string_view::npos)
      sum += c == 'r' ? 333 : 500;
    else if (std::string_view("mwMW%").find(c) != std::string_view::npos)
      sum += 833;
    else if (c >= 'A' && c <= 'Z')
      sum += 680;
    else
      sum += 556;
  }
  return sum / 1000 * size;
}

class Page {
 public:
  explicit Page(const Drawing& d) : drawing_(d) {
    ops_ = fmt::format("{0} 0 0 {1} 0 {2} cm 1 j 1 J\n", kPoint, -kPoint, drawing_.height * kPoint);
    for (const auto& m : drawing_.marks) add(m);
  }
  const std::string& operators() const { return ops_; }

 private:
  void colour(const Colour& c) {
    ops_ += fmt::format("{0:.3f} {1:.3f} {2:.3f} rg {0:.3f} {1:.3f} {2:.3f} RG\n", c.r, c.g, c.b);
  }

  void path(const std::vector<Place>& at) {
    const char* op = "m";
    for (const auto& p : at) {
      ops_ += fmt::format("{:.2f} {:.2f} {} ", p.x, p.y, op);
      op = "l";
    }
  }

  void circle(Place c, double r) {
    const double k = 0.5523 * r;  // four Bezier arcs
    ops_ += fmt::format("{:.2f} {:.2f} m ", c.x + r, c.y);
    const auto arc = [&](double ax, double ay, double bx, double by, double x, double y) {
      ops_ += fmt::format("{:.2f} {:.2f} {:.2f} {:.2f} {:.2f} {:.2f} c ", c.x + ax, c.y + ay,
                          c.x + bx, c.y + by, c.x + x, c.y + y);
    };
    arc(r, k, k, r, 0, r), arc(-k, r, -r, k, -r, 0);
    arc(-r, -k, -k, -r, 0, -r), arc(k, -r, r, -k, r, 0);
  }

  void point(const Mark& m) {
    const auto [x, y] = m.at[0];
    const double r = m.size, s = 0.89 * r, t = 1.2 * r;
    switch (m.shape) {
      case Shape::Circle:
        circle(m.at[0], r);
        break;
      case Shape::Square:
        path({{x - s, y - s}, {x + s, y - s}, {x + s, y + s}, {x - s, y + s}});
        break;
      case Shape::Triangle:
        path({{x, y - t}, {x + t, y + 0.8 * t}, {x - t, y + 0.8 * t}});
        break;
      case Shape::Diamond:
        path({{x, y - t}, {x + t, y}, {x, y + t}, {x - t, y}});
        break;
      case Shape::Cross:
        path({{x - s, y - s}, {x + s, y + s}}), path({{x - s, y + s}, {x + s, y - s}});
        break;
      case Shape::Star:
        path({{x - t, y}, {x + t, y}}), path({{x, y - t}, {x, y + t}});
        path({{x - s, y - s}, {x + s, y + s}}), path({{x - s, y + s}, {x + s, y - s}});
        break;
    }
    const bool open = m.shape == Shape::Cross || m.shape == Shape::Star;
    ops_ += open ? "1.8 w S\n" : "f\n";
  }

  void text(const Mark& m) {
    const auto ansi = win_ansi(m.text);
    const double shift = (m.anchor < 0 ? 0 : m.anchor > 0 ? 1 : 0.5) * width_of(ansi, m.size);
    const auto [x, y] = m.at[0];
    ops_ += fmt::format("BT /{} {:.1f} Tf ", m.bold ? "B" : "F", m.size);
    // The page's axis points up, ours down: glyphs are turned back.
    if (m.upright)
      ops_ += fmt::format("0 -1 -1 0 {:.2f} {:.2f} Tm", x, y + shift);
    else
      ops_ += fmt::format("1 0 0 -1 {:.2f} {:.2f} Tm", x - shift, y);
    ops_ += " (" + ansi + ") Tj ET\n";
  }

  void add(const Mark& m) {
    colour(m.kind == Mark::Kind::Shade ? shaded(m.shade) : colour_of(m.ink.series));
    switch (m.kind) {
      case Mark::Kind::Line:
        ops_ += fmt::format("{} {:.2f} w ", m.ink.dashed ? "[5 4] 0 d" : "[] 0 d", m.ink.width);
        path(m.at);
        ops_ += "S [] 0 d\n";
        break;
      case Mark::Kind::Area:
        ops_ += "/Band gs ";
        path(m.at);
        ops_ += "f /Full gs\n";
        break;
      case Mark::Kind::Point:
        point(m);
        break;
      case Mark::Kind::Shade:
        ops_ += fmt::format("{:.2f} {:.2f} {:.2f} {:.2f} re f\n", m.at[0].x, m.at[0].y,
                            m.at[1].x - m.at[0].x, m.at[1].y - m.at[0].y);
        break;
      case Mark::Kind::Text:
        text(m);
        break;
    }
  }

  const Drawing& drawing_;
  std::string ops_;
};

}  // namespace

std::string pdf_of(const Drawing& drawing) {
  const Page page(drawing);
  const auto font = [](const char* name) {
    return fmt::format("<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>",
                       name);
  };
  const std::vector<std::string> objects{
      "<< /Type /Catalog /Pages 2 0 R >>",
      "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      fmt::format("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {:.2f} {:.2f}] /Contents 4 0 R "
                  "/Resources << /Font << /F 5 0 R /B 6 0 R >> /ExtGState << /Band << /ca 0.14 >> "
                  "/Full << /ca 1 >> >> >> >>",
                  drawing.width * kPoint, drawing.height * kPoint),
      fmt::format("<< /Length {} >>\nstream\n{}endstream", page.operators().size(),
                  page.operators()),
      font("Helvetica"),
      font("Helvetica-Bold"),
      fmt::format("<< /Title ({}) /Producer (PruneBench) >>", win_ansi(drawing.title))};
  std::string out = "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n";
  std::vector<size_t> places;
  for (size_t i = 0; i < objects.size(); ++i) {
    places.push_back(out.size());
    out += fmt::format("{} 0 obj\n{}\nendobj\n", i + 1, objects[i]);
  }
  const auto table = out.size();
  out += fmt::format("xref\n0 {}\n0000000000 65535 f \n", objects.size() + 1);
  for (const auto place : places) out += fmt::format("{:010} 00000 n \n", place);
  return out +
         fmt::format("trailer\n<< /Size {} /Root 1 0 R /Info 7 0 R >>\nstartxref\n{}\n%%EOF\n",
                     objects.size() + 1, table);
}

}  // namespace bench
