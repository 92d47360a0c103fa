// Factors: what a layer does with them, plain SVD as the end of SVD-LLM and ASVD, OATS by hand.
#include "core/stage.h"
#include "core/update.h"
#include "criteria/by_hand.h"
#include "measure/low_rank.h"
#include "tasks/scoring.h"
#include "tiny.h"

using namespace bench;
using namespace bench::test;

namespace {

Calibration tiny_data() {
  Calibration data;
  std::vector<Sequence> sequences;
  for (int64_t s = 0; s < 6; ++s) {
    Sequence ids;
    for (int64_t t = 0; t < 24; ++t) ids.push_back((7 * s + 5 * t * t + t) % 90);
    sequences.push_back(ids);
  }
  data.batches = text_batches(sequences, 4096);
  return data;
}

void apply(Model& model, const std::string& name, Value::Map settings) {
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  const Method none;
  StageContext stage{model, none, 0, at::kCPU, kept, {}, {}, ""};
  stage.calibration = tiny_data;
  Registry<Stage>::instance().create(name, Value(std::move(settings)))->apply(stage);
}

int64_t parameters_of(Model& model) {
  int64_t n = 0;
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined()) n += t.tensor->numel();
  return n;
}

}  // namespace

TEST_CASE("factors are computed one after the other, the rest beside them", "[low_rank]") {
  at::manual_seed(2);
  Layer l;
  l.name = "l", l.weight = at::randn({6, 5}), l.bias = at::randn({6});
  const auto u = at::randn({6, 2}), v = at::randn({2, 5}), x = at::randn({9, 5});
  auto alone = l;
  alone.set_low_rank(u, v, {});
  CHECK(at::allclose(alone(x), x.mm(u.mm(v).t()) + l.bias, 1e-5, 1e-5));
  CHECK(alone.parameters() == 2 * (6 + 5));
  auto both = l;
  both.set_low_rank(u, v, l.weight);
  CHECK(at::allclose(both(x), x.mm((u.mm(v) + l.weight).t()) + l.bias, 1e-5, 1e-5));
  CHECK(both.parameters() == 2 * (6 + 5) + 30);
  CHECK(at::allclose(both.whole(), u.mm(v) + l.weight));
}

TEST_CASE("svd_llm without whitening is the plain singular values", "[low_rank]") {
  const auto model = build_model(TinyMaker("llama").make());
  std::vector<Tensor> dense;
  for (const Layer* l : model->layers()) dense.push_back(l->matrix());
  const auto before = parameters_of(*model);
  apply(*model, "svd_llm", {{"keep", Value(0.5)}, {"whiten", Value(false)}});
  size_t i = 0;
  int64_t saved = 0;
  for (const Layer* l : model->layers()) {
    const auto& w = dense[i++];
    const auto rank = rank_for(w.size(0), w.size(1), 0.5);
    CHECK(l->low_rank.u.size(1) == rank);
    const auto [u, s, v] = at::linalg_svd(w, false);
    const auto best = (u.slice(1, 0, rank) * s.slice(0, 0, rank)).mm(v.slice(0, 0, rank));
    CHECK(at::allclose(l->whole(), best, 1e-4, 1e-5));
    saved += w.numel() - l->parameters();
  }
  CHECK(parameters_of(*model) == before - saved);
}

TEST_CASE("svd_llm loses less of the outputs than plain singular values", "[low_rank]") {
  const auto loss = [](bool whiten, bool update) {
    const auto model = build_model(TinyMaker("llama").make());
    auto data = tiny_data();
    data.start(*model);
    const auto layers = model->layers();
    const auto stats = collect({*model, {0, model->block_count()}, data, layers},
                               {need<InputScatter>()}, Pass::Local);
    std::vector<Tensor> dense;
    for (const Layer* l : layers) dense.push_back(l->matrix().to(at::kDouble));
    apply(*model, "svd_llm",
          {{"keep", Value(0.5)}, {"whiten", Value(whiten)}, {"update", Value(update)}});
    double sum = 0;
    for (size_t i = 0; i < layers.size(); ++i) {
      const auto d = layers[i]->whole().to(at::kDouble) - dense[i];
      sum += d.mm(stats->get<InputScatter>(*layers[i]).sum).mul(d).sum().item<double>();
    }
    return sum;
  };
  CHECK(loss(true, false) < loss(false, false));
}

TEST_CASE("asvd with alpha 0 is the plain singular values", "[low_rank]") {
  const auto a = build_model(TinyMaker("llama").make()), b = build_model(TinyMaker("llama").make());
  apply(*a, "asvd", {{"keep", Value(0.6)}, {"alpha", Value(0.0)}});
  apply(*b, "svd_llm", {{"keep", Value(0.6)}, {"whiten", Value(false)}});
  for (size_t i = 0; i < a->layers().size(); ++i)
    CHECK(at::allclose(a->layers()[i]->whole(), b->layers()[i]->whole(), 1e-4, 1e-5));
}

TEST_CASE("asvd's searched shares hold the target", "[low_rank]") {
  const auto model = build_model(TinyMaker("llama").make());
  int64_t all = 0, left = 0;
  for (const Layer* l : model->layers()) all += l->parameters();
  apply(*model, "asvd", {{"keep", Value(0.7)}, {"shares", Value("searched")}});
  for (const Layer* l : model->layers()) left += l->parameters();
  CHECK(static_cast<double>(left) <= 0.85 * static_cast<double>(all));
  CHECK(left < all);
}

TEST_CASE("oats without factors is Wanda's mask, with them it is nearer", "[low_rank]") {
  at::manual_seed(4);
  const auto x = at::randn({40, 12});
  const auto made = [&](double rank) {
    at::manual_seed(6);
    Layer l;
    l.name = "l", l.weight = at::randn({16, 2}).mm(at::randn({2, 12})) + 0.1 * at::randn({16, 12});
    Stats stats;
    stats.put<InputMoments>(l, need<InputMoments>()).on_input(x, 1);
    const auto part = weights_part("l", {16, 12}, 192);
    Pattern pattern;
    Site site{l, at::ones({16, 12}, at::kBool), part, pattern, Contest::Row, {0.5}, stats, {}};
    Registry<Update>::instance()
        .create("oats",
                Value{Value::Map{{"rank", Value(rank)}, {"iterations", Value(int64_t{10})}}})
        ->apply(site);
    l.set_mask(site.mask);
    return std::pair{l, site.mask};
  };
  at::manual_seed(6);
  const auto dense = at::randn({16, 2}).mm(at::randn({2, 12})) + 0.1 * at::randn({16, 12});
  const auto score = dense.abs() * x.square().sum(0).sqrt();
  const auto [plain, mask] = made(0);
  CHECK(mask.equal(select(score, Contest::Row, 0.5)));
  CHECK(!plain.low_rank.u.defined());
  const auto [both, support] = made(0.4);
  CHECK(both.low_rank.u.size(1) == rank_for(16, 12, 0.4 * 0.5 / 0.6));
  CHECK(support.sum(1).eq(6).all().item<bool>());
  CHECK(!both.weight.masked_select(~support).any().item<bool>());
  const auto far = [&](const Layer& l) {
    return (l.whole() - dense).square().sum().item<double>();
  };
  CHECK(far(both) < far(plain));
}

TEST_CASE("a snapshot brings back what factors took the place of", "[low_rank]") {
  const auto model = build_model(TinyMaker("opt").make());
  const auto hash = weight_hash(*model);
  const Snapshot dense(*model);
  apply(*model, "svd_llm", {{"keep", Value(0.5)}});
  const Snapshot split(*model);
  const auto logits = model->forward(tiny_data().batches.front());
  CHECK(weight_hash(*model) != hash);
  dense.restore(*model);
  CHECK(weight_hash(*model) == hash);
  CHECK(dense.holds(*model));
  split.restore(*model);
  CHECK(model->forward(tiny_data().batches.front()).equal(logits));
  REQUIRE(merge_factors(*model));
  CHECK(!merge_factors(*model));
  CHECK(at::allclose(model->forward(tiny_data().batches.front()), logits, 1e-4, 1e-4));
}

TEST_CASE("factors are cut with the units of their layer", "[low_rank]") {
  const auto model = build_model(TinyMaker("llama").make());
  apply(*model, "svd_llm", {{"keep", Value(0.9)}});
  const auto g = model->groups("neuron").front();
  auto keep = at::ones({g.units}, at::kBool);
  keep.slice(0, 0, 7).fill_(false);
  std::vector<Tensor> before;
  for (const auto& s : g.slices) before.push_back(s.layer->whole());
  const auto all = keep.nonzero().squeeze(1);
  shrink(g, keep);
  for (size_t i = 0; i < g.slices.size(); ++i)
    CHECK(at::allclose(g.slices[i].layer->whole(), before[i].index_select(g.slices[i].dim, all)));
}
