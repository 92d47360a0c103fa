// Training that makes units small: what each method adds to a gradient, by hand; kills.
#include "stages/trained.h"

using namespace bench;
using namespace bench::test;

namespace {

Value::Map plain_sgd(int64_t steps) {
  auto s = few(steps);
  s.push_back({"momentum", Value(0.0)});
  s.push_back({"weight_decay", Value(0.0)});
  s.push_back({"crop", Value(int64_t{0})});
  s.push_back({"flip", Value(false)});
  s.push_back({"lr_schedule", Value("constant")});
  s.push_back({"warmup", Value(int64_t{0})});
  return s;
}

Method channels() {
  return method_of("group_norm", "uniform", true);
}

/// What one step of a stage changes beyond what plain training does, over -lr: what it adds to the
/// gradient of each parameter.
std::map<std::string, Tensor> added(const std::string& name, Value::Map settings) {
  Bench with, without;
  auto s = plain_sgd(1);
  without.run(*stage("train", s), channels());
  for (auto& e : settings) s.push_back(e);
  with.run(*stage(name, s), channels());
  std::map<std::string, Tensor> all;
  const auto a = with.model->tensors(), b = without.model->tensors();
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].parameter && a[i].tensor->defined())
      all[a[i].name] = (*a[i].tensor - *b[i].tensor) / -0.05;
  return all;
}

bool close(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>() <= 2e-3 * (1e-3 + b.abs().max().item<double>());
}

}  // namespace

TEST_CASE("regularised: gradients of all three by hand", "[stages]") {
  Bench dense;
  const auto g = prunable_groups(*dense.model, channels().pattern).front();
  const Follower* scale = nullptr;
  for (const auto& f : g.followers)
    if (!f.name.empty() && f.values->dim() == 1) scale = scale ? scale : &f;
  REQUIRE(scale);
  const auto gamma = scale->values->clone();
  Layer* writer = g.rooted().front().layer;

  std::vector<Tensor> squares;
  for (const auto& f : g.followers)
    if (!f.name.empty() && f.values->dim() == 1) squares.push_back(f.values->square());
  const auto lasso = added("group_lasso", {{"reg", Value(0.5)}});
  CHECK(close(lasso.at(scale->name), 0.5 * gamma / (at::stack(squares).mean(0) + 1e-9).sqrt()));
  CHECK(lasso.at(writer->weight_name()).abs().max().item<double>() < 1e-5);

  const auto growing = added("growing_reg", {{"reg", Value(0.5)}});
  CHECK(close(growing.at(scale->name), 0.5 * gamma));

  const auto norm = added("group_norm_learning", {{"reg", Value(0.1)}, {"base", Value(4.0)}});
  const auto c = norm.at(scale->name) / gamma;  // 0.1 for the largest unit, 0.4 for the smallest
  CHECK(std::abs(c.min().item<double>() - 0.1) < 2e-3);
  CHECK(std::abs(c.max().item<double>() - 0.4) < 2e-3);
}

TEST_CASE("regularised: small units are pulled down, whole weights are refused", "[stages]") {
  const auto m = channels();
  const auto spread = [&](Bench& b) {
    double least = INFINITY, most = 0;
    for (const auto& g : prunable_groups(*b.model, m.pattern)) {
      const auto n = m.criterion->units(g, Stats());
      least = std::min(least, (n.min() / n.max()).item<double>());
      most = std::max(most, n.max().item<double>());
    }
    return least;
  };
  Bench plain, pulled;
  plain.run(*stage("train", plain_sgd(24)), m);
  auto s = plain_sgd(24);
  s.push_back({"reg", Value(0.02)});
  pulled.run(*stage("group_norm_learning", s), m);
  CHECK(spread(pulled) < spread(plain));
  const auto weights = method_of("magnitude", "uniform", false);
  for (const std::string name : {"group_lasso", "group_norm_learning", "growing_reg"})
    CHECK(contains(error_of([&] { stage(name, few(1))->check(weights); }), "whole units"));
  Bench bare("vgg_plain");  // has no norms
  CHECK(contains(error_of([&] { bare.run(*stage("group_lasso", few(1)), m); }), "no unit"));
}

TEST_CASE("regularised and early_bird: killed and taken up again, the same bits", "[stages]") {
  struct Killed {};
  const TempDir dir;
  for (const std::string name : {"growing_reg", "early_bird"}) {
    CAPTURE(name);
    const auto m = name == "early_bird" ? method_of("magnitude", "global", false) : channels();
    auto s = few(12);
    s.push_back({"save_every", Value(int64_t{1})});
    if (name == "growing_reg") s.push_back({"delta", Value(0.05)});
    if (name == "early_bird") s.push_back({"masks", Value(int64_t{2})});
    if (name == "early_bird") s.push_back({"distance", Value(0.0)});
    Bench whole, killed, again;
    whole.run(*stage(name, s), m);
    killed.state = again.state = (dir.path / name).string();
    try {
      killed.run(*stage(name, s), m, 0.5, [&](int64_t done, int64_t) {
        if (done == 7) throw Killed();
      });
    } catch (const Killed&) {
    }
    again.run(*stage(name, s), m);
    CHECK(all_bits(*again.model) == all_bits(*whole.model));
    CHECK(again.said == whole.said);
  }
}

TEST_CASE("early_bird: training ends with the epoch whose mask is near those before", "[stages]") {
  const auto m = method_of("magnitude", "global", false);
  auto s = few(40);  // four steps an epoch
  s.push_back({"masks", Value(int64_t{3})});
  s.push_back({"distance", Value(1.0)});  // any mask is near enough
  Bench b;
  b.run(*stage("early_bird", s), m);
  CHECK(b.said["early_bird.found"] == 1);
  CHECK(b.said["early_bird.epochs"] == 3);
  CHECK(b.said["steps"] == 12);
  for (const Layer* l : b.model->layers()) CHECK(!l->mask.defined());  // the trial prunes, not it
  auto never = few(8);
  never.push_back({"distance", Value(0.0)});
  Bench long_one;
  long_one.run(*stage("early_bird", never), m);
  CHECK(long_one.said["early_bird.found"] == 0);
  CHECK(long_one.said["steps"] == 8);
}
