#include "core/rows.h"

#include <algorithm>

namespace bench {
namespace {

int64_t up(int64_t n, int64_t step) {
  return (n + step - 1) / step * step;
}

/// Rows [begin, begin + count) of x; zero rows follow where x ends before `filled`.
Tensor cut(const Tensor& x, int64_t begin, int64_t count, int64_t filled) {
  if (count == filled) return x.narrow(0, begin, count);
  auto shape = x.sizes().vec();
  shape[0] = filled;
  auto tile = at::zeros(shape, x.options());
  tile.narrow(0, 0, count).copy_(x.narrow(0, begin, count));
  return tile;
}

/// Runs body(begin, count, filled) for each tile, tiles spread over the threads.
template <class Body>
void for_tiles(int64_t rows, int64_t tile, int64_t fill, const at::Device& device, Body body) {
  const int64_t tiles = (rows + tile - 1) / tile;
  const auto run = [&](int64_t from, int64_t to) {
    at::NoGradGuard no_grad;  // the guard is per thread
    for (int64_t t = from; t < to; ++t) {
      const int64_t begin = t * tile, count = std::min(tile, rows - begin);
      body(begin, count, std::min(tile, up(count, fill)));
    }
  };
  if (device.is_cpu())
    at::parallel_for(0, tiles, 1, run);
  else
    run(0, tiles);
}

bool differentiable(const Tensor& x) {
  return at::GradMode::is_enabled() && x.requires_grad();
}

template <class F>
Tensor tiled(const Tensor& x, int64_t tile, int64_t fill, F of_tile) {
  const int64_t n = x.size(0);
  std::vector<Tensor> parts(static_cast<size_t>((n + tile - 1) / tile));
  for_tiles(n, tile, fill, x.device(), [&](int64_t begin, int64_t count, int64_t filled) {
    parts[static_cast<size_t>(begin / tile)] = of_tile(begin, count, filled).narrow(0, 0, count);
  });
  if (parts.size() == 1) return parts[0];
  return at::cat(parts);
}

}  // namespace

int64_t row_tile(int64_t n) {
  if (at::in_parallel_region()) return std::max(n, kRowFill);
  const int64_t threads = at::get_num_threads();
  return std::clamp(up((n + threads - 1) / threads, kRowFill), int64_t{128}, int64_t{512});
}

Tensor rowwise(const Tensor& x, const std::function<Tensor(const Tensor&)>& f, int64_t tile,
               int64_t fill) {
  if (differentiable(x) || x.size(0) == 0) return f(x);
  return tiled(x, tile ? tile : row_tile(x.size(0)), fill,
               [&](int64_t begin, int64_t count, int64_t filled) {
                 return f(cut(x, begin, count, filled));
               });
}

Tensor rowwise(const Tensor& x, const Tensor& y,
               const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  if (differentiable(x) || differentiable(y) || x.size(0) == 0) return f(x, y);
  return tiled(x, row_tile(x.size(0)), kRowFill, [&](int64_t begin, int64_t count, int64_t filled) {
    return f(cut(x, begin, count, filled), cut(y, begin, count, filled));
  });
}

namespace {

/// x [rows, columns] with zero rows below, up to kRowFill.
Tensor filled_up(const Tensor& x) {
  auto shape = x.sizes().vec();
  shape[0] = kRowFill;
  auto wide = at::zeros(shape, x.options());
  wide.narrow(0, 0, x.size(0)).copy_(x);
  return wide;
}

}  // namespace

Tensor linear_rows(const Tensor& x, const Tensor& w, const Tensor& b) {
  const bool grad = at::GradMode::is_enabled() &&
                    (x.requires_grad() || w.requires_grad() || (b.defined() && b.requires_grad()));
  if (grad || x.size(0) == 0) return at::linear(x, w, b);
  // MKL rounds a row of fewer than 12 results by where the row stands, if the inputs are no
  // multiple of 4.
  if (w.size(0) < kRowFill)
    return linear_rows(x, filled_up(w), b.defined() ? filled_up(b) : b)
        .narrow(1, 0, w.size(0))
        .contiguous();
  const int64_t n = x.size(0);
  auto y = at::empty({up(n, kRowFill), w.size(0)}, x.options());
  const auto wt = w.t();
  for_tiles(n, row_tile(n), kRowFill, x.device(),
            [&](int64_t begin, int64_t count, int64_t filled) {
              auto out = y.narrow(0, begin, filled);
              const auto in = cut(x, begin, count, filled);
              if (b.defined())
                at::addmm_out(out, b, in, wt);
              else
                at::mm_out(out, in, wt);
            });
  return y.narrow(0, 0, n);
}

Tensor matmul_rows(const Tensor& a, const Tensor& b) {
  auto y = at::empty({a.size(0), b.size(1)}, a.options());
  for_tiles(a.size(0), row_tile(a.size(0)), 1, a.device(),
            [&](int64_t begin, int64_t count, int64_t) {
              auto out = y.narrow(0, begin, count);
              at::mm_out(out, a.narrow(0, begin, count), b);
            });
  return y;
}

}  // namespace bench
