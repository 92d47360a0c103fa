#include "measure/quantiser.h"

#include <limits>

namespace bench {

Schema Quantiser::schema() {
  return {key("bits", 4, "of a level").range(1, 16),
          key("group", 0, "columns that share a scale; 0: all of a row").range(0, 1 << 20),
          key("symmetric", false, "zero is the middle level, and the scale is of the largest size"),
          key("search", false,
              "narrow the range by hundredths, down to 0.21 of it, to where the sum of the errors "
              "to the power 2.4 is least"),
          key("per", "row", "what has a scale of its own").one_of({"row", "matrix"})};
}

Quantiser::Quantiser(const Config& c)
    : bits(c.get<int64_t>("bits")),
      group(c.get<int64_t>("group")),
      symmetric(c.get<bool>("symmetric")),
      search(c.get<bool>("search")),
      whole(c.get<std::string>("per") == "matrix") {}

Quantiser::Levels Quantiser::range_of(const Tensor& low, const Tensor& high) const {
  const auto most = static_cast<double>((int64_t{1} << bits) - 1);
  const auto scale = (high - low) / most;
  if (symmetric) return {scale, at::full_like(scale, (most + 1) / 2)};
  return {scale, (-low / scale).round()};
}

Quantiser::Levels Quantiser::fit(const Tensor& given) const {
  const auto x = whole ? given.reshape({1, -1}) : given;
  auto low = x.amin(1).clamp_max(0), high = x.amax(1).clamp_min(0);
  if (symmetric) {  // a row without negative weights begins at 0 all the same
    high = at::maximum(low.abs(), high);
    low = at::where(low < 0, -high, low);
  }
  const auto nothing = (low == 0).logical_and(high == 0);
  low = low.masked_fill(nothing, -1), high = high.masked_fill(nothing, 1);
  auto best = range_of(low, high);
  if (search) {
    auto least = at::full_like(low, std::numeric_limits<double>::infinity());
    for (int64_t i = 0; i < 80; ++i) {
      const double p = 1 - static_cast<double>(i) / 100;
      const auto now = range_of(low * p, high * p);
      const auto error = (value(level(x, now), now) - x).abs_().pow_(2.4).sum(1);
      const auto better = error < least;
      least = at::where(better, error, least);
      best = {at::where(better, now.scale, best.scale), at::where(better, now.zero, best.zero)};
    }
  }
  if (!whole) return best;
  return {best.scale.expand({given.size(0)}), best.zero.expand({given.size(0)})};
}

namespace {
Tensor beside(const Tensor& of_rows, const Tensor& x) {
  return x.dim() == 1 ? of_rows : of_rows.unsqueeze(1);
}
}  // namespace

Tensor Quantiser::level(const Tensor& x, const Levels& of) const {
  return ((x / beside(of.scale, x)).round_() + beside(of.zero, x))
      .clamp_(0, static_cast<double>((int64_t{1} << bits) - 1));
}

Tensor Quantiser::value(const Tensor& level, const Levels& of) {
  return beside(of.scale, level) * (level - beside(of.zero, level));
}

Format Quantiser::format(int64_t columns, const std::vector<Levels>& all,
                         const Tensor& order) const {
  Format f;
  f.bits = bits, f.group = group, f.symmetric = symmetric;
  std::vector<Tensor> scales, zeros;
  for (const auto& l : all) scales.push_back(l.scale), zeros.push_back(l.zero);
  const auto rows = [&](const std::vector<Tensor>& of) {
    const auto m = at::stack(of, 1).cpu();
    return (whole ? m.slice(0, 0, 1) : m).contiguous();
  };
  f.scale = rows(scales), f.zero = rows(zeros);
  f.group_of = at::arange(columns).floor_divide(columns_of(columns));
  if (order.defined()) f.group_of = at::empty_like(f.group_of).scatter_(0, order.cpu(), f.group_of);
  return f;
}

}  // namespace bench
