#include "data/shapes.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "kernels/philox.h"

namespace bench {
namespace {

constexpr int64_t kDraws = 64;  // random numbers of a picture, noise aside
constexpr int kTries = 4;       // places that are tried for an object

struct Object {
  int64_t label;
  double x, y, r;  // middle and half of the box's side
  double colour[3];
  bool covers(double px, double py) const {
    const double dx = px - x, dy = py - y;
    if (label == 0) return dx * dx + dy * dy <= r * r;
    if (std::abs(dy) > r) return false;
    return std::abs(dx) <= (label == 1 ? r : (dy + r) / 2);  // a triangle's tip is on top
  }
};

/// They may touch, but none hides another.
bool apart(const Object& a, const Object& b) {
  const double far = std::max(std::abs(a.x - b.x), std::abs(a.y - b.y));
  return far >= 0.75 * (a.r + b.r);
}

std::vector<Object> objects(const double* u, double size, const double* ground) {
  std::vector<Object> all;
  const auto wanted = 1 + static_cast<int64_t>(u[0] * ShapesAddress::kObjects);
  for (int64_t k = 0; k < wanted; ++k) {
    const double* mine = u + 4 + 16 * k;
    Object o{static_cast<int64_t>(mine[0] * ShapesAddress::kClasses), 0, 0, 0, {}};
    for (int c = 0; c < 3; ++c)  // at least 64 of 256 away from the ground
      o.colour[c] = std::fmod(ground[c] + 64 + mine[1 + c] * 128, 256);
    for (int t = 0; t < kTries; ++t) {
      const double* at = mine + 4 + 3 * t;
      o.r = size * (0.09 + 0.12 * at[0]);
      o.x = o.r + at[1] * (size - 2 * o.r);
      o.y = o.r + at[2] * (size - 2 * o.r);
      if (std::all_of(all.begin(), all.end(), [&](const Object& b) { return apart(o, b); })) {
        all.push_back(o);
        break;
      }
    }
  }
  return all;
}

void draw(const ShapesAddress& set, int64_t index, float* image, float* labels) {
  std::vector<double> u(kDraws), noise(static_cast<size_t>(3 * set.size * set.size));
  const auto stream = [&](const char* name) {
    return kernels::Stream{set.seed, kernels::fnv1a(name), kernels::Purpose::Training};
  };
  kernels::fill_uniform(stream("shapes"), index * kDraws, kDraws, u.data());
  const auto values = static_cast<int64_t>(noise.size());
  kernels::fill_uniform(stream("shapes noise"), index * values, values, noise.data());
  const double ground[] = {u[1] * 256, u[2] * 256, u[3] * 256};
  const auto all = objects(u.data(), static_cast<double>(set.size), ground);
  for (int64_t y = 0; y < set.size; ++y)
    for (int64_t x = 0; x < set.size; ++x) {
      const double* colour = ground;
      for (const auto& o : all)
        if (o.covers(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5)) colour = o.colour;
      for (int64_t c = 0; c < 3; ++c) {
        const auto at = (c * set.size + y) * set.size + x;
        const double v = colour[c] + (noise[static_cast<size_t>(at)] - 0.5) * 48;
        image[at] = static_cast<float>(std::floor(std::clamp(v, 0.0, 255.0)));
      }
    }
  for (size_t i = 0; i < static_cast<size_t>(ShapesAddress::kObjects); ++i) {
    float* box = labels + 5 * i;
    box[0] = -1, box[1] = box[2] = box[3] = box[4] = 0;
    if (i >= all.size()) continue;
    const auto& o = all[i];
    box[0] = static_cast<float>(o.label);
    box[1] = static_cast<float>(o.x - o.r), box[2] = static_cast<float>(o.y - o.r);
    box[3] = static_cast<float>(o.x + o.r), box[4] = static_cast<float>(o.y + o.r);
  }
}

}  // namespace

ShapesAddress ShapesAddress::parse(const std::string& address) {
  ShapesAddress set;
  const std::string text = address.substr(address.find(':') + 1);
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto part = text.substr(at, end - at);
    const auto equal = std::min(part.find('='), part.size());
    const auto name = part.substr(0, equal);
    int64_t value = -1;
    const char *from = part.data() + std::min(equal + 1, part.size()),
               *to = part.data() + part.size();
    if (const auto [stop, bad] = std::from_chars(from, to, value); bad != std::errc() || stop != to)
      value = -1;
    if (value < 0 || (name != "seed" && name != "count" && name != "size"))
      fail("'{}': '{}' is none of seed=, count=, size= with a whole number", address, part);
    if (name == "seed") set.seed = static_cast<uint64_t>(value);
    if (name == "count") set.count = value;
    if (name == "size") set.size = value;
    at = end + 1;
  }
  if (set.count < 1 || set.count > 1000000 || set.size < 16 || set.size > 512)
    fail(
        "'{}': count from 1 to 1000000 and size from 16 to 512 are needed, e.g. "
        "shapes:seed=0,count=512,size=64",
        address);
  return set;
}

Batch draw_shapes(const ShapesAddress& set, int64_t first, int64_t count) {
  if (count == 0) count = set.count - first;
  if (first < 0 || count <= 0 || first + count > set.count)
    fail("shapes: there are {} pictures; {} to {} were asked for", set.count, first, first + count);
  if (count > (int64_t{1} << 28) / (3 * set.size * set.size))
    fail("shapes: {} pictures of {} pixels at once are too many; ask for fewer", count, set.size);
  Batch batch;
  batch.images = at::empty({count, 3, set.size, set.size});
  batch.labels = at::empty({count, ShapesAddress::kObjects, 5});
  for (int64_t i = 0; i < count; ++i)
    draw(set, first + i, batch.images[i].mutable_data_ptr<float>(),
         batch.labels[i].mutable_data_ptr<float>());
  return batch;
}

}  // namespace bench
