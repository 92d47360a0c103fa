#include "tensor/rows.h"

#include <algorithm>

#include "tensor/compute_type.h"

namespace bench {
namespace {

constexpr int64_t kRowFill = 16, kImageTile = 16;
constexpr int64_t kDeviceRows = 1024, kDeviceImages = 128;

int64_t up(int64_t n, int64_t step) {
  return (n + step - 1) / step * step;
}

/// How n rows are cut. Tiles end with zero rows up to a multiple of `fill`.
struct Tiles {
  int64_t rows, size, fill;
  int64_t count() const { return (rows + size - 1) / size; }
};

/// n rows shared among the threads: 128 to 512 each. Inside a tile: all of them.
int64_t row_tile(int64_t n) {
  if (at::in_parallel_region()) return std::max(n, kRowFill);
  const int64_t threads = at::get_num_threads();
  return std::clamp(up((n + threads - 1) / threads, kRowFill), int64_t{128}, int64_t{512});
}

Tiles tiles_of(const Tensor& x) {
  const int64_t n = x.size(0);
  return x.is_cpu() ? Tiles{n, row_tile(n), kRowFill} : Tiles{n, kDeviceRows, kDeviceRows};
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
void for_tiles(const Tiles& tiles, const at::Device& device, Body body) {
  const auto run = [&](int64_t from, int64_t to) {
    at::NoGradGuard no_grad;  // the guard is per thread
    for (int64_t t = from; t < to; ++t) {
      const int64_t begin = t * tiles.size, count = std::min(tiles.size, tiles.rows - begin);
      body(begin, count, std::min(tiles.size, up(count, tiles.fill)));
    }
  };
  if (device.is_cpu())
    at::parallel_for(0, tiles.count(), 1, run);
  else
    run(0, tiles.count());
}

bool differentiable(const Tensor& x) {
  return at::GradMode::is_enabled() && x.requires_grad();
}

template <class F>
Tensor tiled(const Tensor& x, const Tiles& tiles, F of_tile) {
  std::vector<Tensor> parts(static_cast<size_t>(tiles.count()));
  for_tiles(tiles, x.device(), [&](int64_t begin, int64_t count, int64_t filled) {
    parts[static_cast<size_t>(begin / tiles.size)] =
        of_tile(begin, count, filled).narrow(0, 0, count);
  });
  if (parts.size() == 1) return parts[0];
  return at::cat(parts);
}

Tensor by_tiles(const Tensor& x, const Tiles& tiles,
                const std::function<Tensor(const Tensor&)>& f) {
  if (differentiable(x) || x.size(0) == 0) return f(x);
  return tiled(x, tiles, [&](int64_t begin, int64_t count, int64_t filled) {
    return f(cut(x, begin, count, filled));
  });
}

}  // namespace

Tensor rowwise(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
  return by_tiles(x, tiles_of(x), f);
}

Tensor imagewise(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
  const int64_t tile = x.is_cpu() ? kImageTile : kDeviceImages;
  return by_tiles(x, {x.size(0), tile, tile}, f);
}

Tensor rowwise(const Tensor& x, const Tensor& y,
               const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  if (differentiable(x) || differentiable(y) || x.size(0) == 0) return f(x, y);
  return tiled(x, tiles_of(x), [&](int64_t begin, int64_t count, int64_t filled) {
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
  if (w.scalar_type() != x.scalar_type() || (b.defined() && b.scalar_type() != x.scalar_type()))
    return linear_rows(x, as_type_of(w, x), as_type_of(b, x));
  // No processor multiplies float16; through float32 it is four times as fast, and rounded once.
  if (x.is_cpu() && x.scalar_type() == at::kHalf)
    return linear_rows(x.to(at::kFloat), w, b).to(at::kHalf);
  const bool grad = at::GradMode::is_enabled() &&
                    (x.requires_grad() || w.requires_grad() || (b.defined() && b.requires_grad()));
  if (grad || x.size(0) == 0) return at::linear(x, w, b);
  // MKL rounds a row of fewer than 12 results by where the row stands, if the inputs are no
  // multiple of 4.
  if (w.size(0) < kRowFill)
    return linear_rows(x, filled_up(w), b.defined() ? filled_up(b) : b)
        .narrow(1, 0, w.size(0))
        .contiguous();
  const auto tiles = tiles_of(x);
  auto y = at::empty({up(tiles.rows, tiles.fill), w.size(0)}, x.options());
  const auto wt = w.t();
  for_tiles(tiles, x.device(), [&](int64_t begin, int64_t count, int64_t filled) {
    auto out = y.narrow(0, begin, filled);
    const auto in = cut(x, begin, count, filled);
    if (b.defined())
      at::addmm_out(out, b, in, wt);
    else
      at::mm_out(out, in, wt);
  });
  return y.narrow(0, 0, tiles.rows);
}

Tensor matmul_rows(const Tensor& a, const Tensor& b) {
  auto y = at::empty({a.size(0), b.size(1)}, a.options());
  auto tiles = tiles_of(a);
  tiles.fill = 1;
  for_tiles(tiles, a.device(), [&](int64_t begin, int64_t count, int64_t) {
    auto out = y.narrow(0, begin, count);
    at::mm_out(out, a.narrow(0, begin, count), b);
  });
  return y;
}

}  // namespace bench
