#include "reports/figures/chart.h"

#include <algorithm>

#include "base/utf8.h"

namespace bench {

namespace {

constexpr double kWidth = 640, kHeight = 400;
constexpr double kLeft = 62, kRight = 16, kTop = 34, kBottom = 48;

}  // namespace

Chart::Chart(const std::string& title, const Range& x, const Range& y)
    : drawing_{kWidth, kHeight, title, {}},
      x_(x.low, x.high, x.logarithmic, kLeft, kWidth - kRight),
      y_(y.low, y.high, y.logarithmic, kHeight - kBottom, kTop) {
  frame(x, y);
}

double Chart::top() const {
  return kTop;
}

void Chart::frame(const Range& x, const Range& y) {
  drawing_.text({kLeft, 18}, shortened(drawing_.title, 88), -1, {Ink::Strong}, 13);
  drawing_.marks.back().bold = true;
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  for (const auto& [v, text] : y_.marks()) {
    drawing_.line({{kLeft, y_.at(v)}, {right, y_.at(v)}}, {Ink::Faint, 1});
    drawing_.text({kLeft - 8, y_.at(v) + 4}, text, 1);
  }
  for (const auto& [v, text] : x_.marks()) {
    drawing_.line({{x_.at(v), bottom}, {x_.at(v), bottom + 4}}, {Ink::Soft, 1});
    drawing_.text({x_.at(v), bottom + 18}, text, 0);
  }
  drawing_.line({{kLeft, bottom}, {right, bottom}}, {Ink::Soft, 1});
  drawing_.text({(kLeft + right) / 2, kHeight - 10}, x.name, 0);
  drawing_.text({14, (kTop + bottom) / 2}, y.name, 0);
  drawing_.marks.back().upright = true;
}

void Chart::legend(const std::vector<std::pair<int, std::string>>& names) {
  constexpr double kLine = 17, kColumn = 210;
  constexpr size_t kMost = 21;  // in a column
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& [series, name] = names[i];
    const double left = kWidth + static_cast<double>(i / kMost) * kColumn;
    const double y = kTop + 6 + static_cast<double>(i % kMost) * kLine;
    const bool dense = series < 0;
    drawing_.line({{left, y}, {left + 22, y}},
                  {dense ? static_cast<int>(Ink::Soft) : series, 1.5, dense});
    if (!dense) drawing_.point({left + 11, y}, series, "");
    drawing_.text({left + 28, y + 4}, shortened(name, 28), -1, {Ink::Strong}, 12);
    // The page's script hides and shows a series by any of its marks.
    if (!dense) drawing_.marks.back().ink.series = series;
  }
  const auto columns = static_cast<double>((names.size() + kMost - 1) / kMost);
  drawing_.width = kWidth + columns * kColumn;
}

double edge_of_losses(std::vector<double> values, double best) {
  std::sort(values.begin(), values.end());
  return std::max(50 * best, 3 * values[(values.size() - 1) * 3 / 4]);
}

std::string shortened(const std::string& text, size_t most) {
  const auto whole = text::lossy_utf8(text);
  if (text::count_chars(whole) <= most) return whole;
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i + 1 < most; ++i)
    text::append_code_point(out, text::next_code_point(whole, at));
  return out + "…";
}

}  // namespace bench
