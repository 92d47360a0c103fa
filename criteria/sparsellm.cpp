// SparseLLM (Bai et al. 2024, arXiv 2402.17946; BaiTheBest/SparseLLM@27fe26a
// model_utils.py:126-162, 435-482, pruning_utils.py): an MLP is pruned as one problem. What its
// layers put out (z of the branch that goes straight, s of the gate) and what the last one reads
// (p) become variables of their own; in turn weights are fitted to them and pruned by SparseGPT,
// and they are moved towards what the pruned weights say. All in float32 where the authors' code
// casts to float16.
#include <algorithm>
#include <limits>
#include <optional>

#include "core/borrowed.h"
#include "core/selection.h"
#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// A layer, its weight as it was before the block was pruned, and what had gone already.
struct Member {
  Site* site = nullptr;
  Tensor dense = {}, gone = {};
  explicit operator bool() const { return site != nullptr; }
  Layer& layer() const { return site->layer; }
};

/// The MLP of one block: p = silu(gate x) (up x), or relu(up x) without a gate; y = down p.
struct Mlp {
  Member up, gate, down;
};

/// Of the dense block over all tokens, [features, tokens] as the formulas have them.
struct Signals {
  Tensor x, y, z, s, p;
  std::vector<int64_t> starts;  // of the sequences among the tokens, and their end
};

Tensor with_bias(const Tensor& wx, const Layer& l) {
  return l.bias.defined() ? wx + l.bias.unsqueeze(1) : wx;
}

bool near(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>() <= 1e-3 * b.abs().max().item<double>();
}

/// A weight that is fitted and pruned again and again, and the Hessian of its inputs: as the
/// authors' code runs, it is damped once more by every pruning that uses it (pruning_utils.py:86).
struct Fitted {
  const Member& of;
  Tensor weight, hessian;
  Tensor mask = {};
};

class SparseLlm : public Update {
 public:
  static Schema schema() {
    return {key("epochs", 0, "turns; 0: 4 with a gate, 10 without, as the authors have it")
                .range(0, 1000),
            key("once", std::vector<int>{1, 30, 31}, "blocks that take one turn alone (gate)"),
            key("penalty", 0.0,
                "alpha = beta = gamma, of the three differences; 0: 5 with a gate, 0.1 without")
                .range(0, 1e6),
            key("damping", 0.01, "share of the mean of the Hessian's diagonal that is added to it")
                .range(1e-8, 10),
            key("slab", 128, "columns pruned together").range(1, 65536).in("columns"),
            key("gate_steps", 2, "gradient steps on the gate's output a turn").range(0, 10000),
            key("gate_rate", 0.01, "of these steps").range(0, 100)};
  }
  explicit SparseLlm(const Config& c)
      : epochs_(c.get<int64_t>("epochs")),
        slab_(c.get<int64_t>("slab")),
        gate_steps_(c.get<int64_t>("gate_steps")),
        once_(c.get<std::vector<int64_t>>("once")),
        penalty_(c.get<double>("penalty")),
        damping_(c.get<double>("damping")),
        gate_rate_(c.get<double>("gate_rate")) {}

  Accepts accepts() const override {
    return {.units = {}, .input = Input::Text, .slab = slab_, .use = "update.slab"};
  }
  Needs needs() const override { return {need<InputGram>()}; }
  bool of_blocks() const override { return true; }
  void apply(Site& site) const override {
    site.layer.set_matrix(site.layer.matrix().masked_fill(~site.mask, 0));
  }

  void reconstruct(Blocks& here) const override {
    SingleThread alone;
    for (auto b = here.scope.begin; b < here.scope.end; ++b) {
      auto mlp = mlp_of(here, b);
      auto signals = observe(here, mlp);
      solve(mlp, signals, b);
    }
  }

 private:
  [[noreturn]] static void refuse(int64_t block) {
    fail(
        "block {}: sparsellm knows MLPs of silu(gate x) (up x) or relu(up x) alone; leave it out "
        "of the updates",
        block);
  }

  Mlp mlp_of(Blocks& here, int64_t block) const {
    std::vector<Site*> writers;
    Mlp mlp;
    int count = 0;
    for (const auto& g : here.model.groups("neuron")) {
      if (g.block != block || g.last != block) continue;
      ++count;
      for (const auto& s : g.slices) {
        if (s.unit >= 0 || s.begin != 0 || s.stretches != 1 || s.width != 1) refuse(block);
        const auto it = std::find_if(here.sites.begin(), here.sites.end(),
                                     [&](const Site& site) { return &site.layer == s.layer; });
        if (it == here.sites.end()) refuse(block);
        if (s.dim == Slice::In)
          mlp.down.site = &*it;
        else
          writers.push_back(&*it);
      }
    }
    if (count != 1 || !mlp.down || writers.empty() || writers.size() > 2) refuse(block);
    mlp.up.site = writers.front();
    if (writers.size() == 2) mlp.gate.site = writers.back();
    return mlp;
  }

  /// Runs the blocks as they were before. Finds out which of two writers is the gate.
  static Signals observe(Blocks& here, Mlp& mlp) {
    at::NoGradGuard no_grad;
    const Snapshot now(here.model);
    here.before.restore(here.model);
    for (Member* m : {&mlp.up, &mlp.gate, &mlp.down}) {
      if (!*m) continue;
      m->dense = m->layer().matrix().to(at::kFloat);
      if (m->layer().mask.defined()) m->gone = ~m->layer().mask;
    }
    Signals all;
    all.starts = {0};
    std::vector<Tensor> x, p;
    {
      Borrowed borrowed;
      borrowed.tap(mlp.up.layer(), [&](const Tensor& in, const Tensor&) { x.push_back(in); });
      borrowed.tap(mlp.down.layer(), [&](const Tensor& in, const Tensor&) { p.push_back(in); });
      for (size_t b = 0; b < here.data.batches.size(); ++b) {
        const auto& batch = here.data.batches[b];
        const auto before = all.starts.back();
        for (size_t s = 1; s < batch.starts.size(); ++s)
          all.starts.push_back(before + batch.starts[s]);
        auto hidden = at_least_float(here.data.hidden[b]);
        for (auto i = here.scope.begin; i < here.scope.end; ++i)
          hidden = here.model.block(i, hidden, batch);
      }
    }
    all.x = at::cat(x).t().contiguous();
    all.p = at::cat(p).t().contiguous();
    const auto out = [](const Layer& l, const Tensor& in) {
      return with_bias(l.matrix().to(at::kFloat).matmul(in), l);
    };
    all.z = out(mlp.up.layer(), all.x);
    all.y = out(mlp.down.layer(), all.p);
    bool known = true;
    if (mlp.gate) {
      all.s = out(mlp.gate.layer(), all.x);
      if (!near(at::silu(all.s) * all.z, all.p)) {
        std::swap(mlp.up, mlp.gate);
        std::swap(all.z, all.s);
        known = near(at::silu(all.s) * all.z, all.p);
      }
    } else {
      known = near(at::relu(all.z), all.p);
    }
    now.restore(here.model);
    if (!known) refuse(here.scope.begin);
    return all;
  }

  static Fitted fitted(const Member& m) {
    return {m, m.dense, m.site->stats.get<InputGram>(m.layer()).gram.clone()};
  }

  void solve(const Mlp& mlp, Signals& v, int64_t block) const {
    at::NoGradGuard no_grad;
    const bool gated = static_cast<bool>(mlp.gate);
    const bool short_one = gated && std::find(once_.begin(), once_.end(), block) != once_.end();
    const auto turns = epochs_ > 0 ? epochs_ : short_one ? 1 : gated ? 4 : 10;
    const double rho = penalty_ > 0 ? penalty_ : gated ? 5.0 : 0.1;
    const auto inverse = at::pinverse(v.x);
    const auto without = [](const Tensor& t, const Layer& l) {
      return l.bias.defined() ? t - l.bias.unsqueeze(1) : t;
    };
    auto up = fitted(mlp.up), down = fitted(mlp.down);
    std::optional<Fitted> gate;
    if (gated) gate.emplace(fitted(mlp.gate));
    const auto y = without(v.y, mlp.down.layer());
    for (int64_t turn = 0; turn < turns; ++turn) {
      if (turn > 0) {
        up.weight = without(v.z, mlp.up.layer()).matmul(inverse);
        down.weight = y.matmul(at::pinverse(v.p));
        if (gate) gate->weight = without(v.s, mlp.gate.layer()).matmul(inverse);
        down.hessian = gram_of(v, mlp.down.layer());
      }
      prune(up);
      if (gate) prune(*gate);
      prune(down);
      move_input(v, down.weight, y, rho, gated);
      if (gate)
        move_gated(v, up.weight, gate->weight, mlp, rho);
      else
        move_relu(v, with_bias(up.weight.matmul(v.x), mlp.up.layer()), rho);
    }
    put(up);
    put(down);
    if (gate) put(*gate);
  }

  static Tensor gram_of(const Signals& v, const Layer& layer) {
    InputGram gram(layer);
    const auto rows = v.p.t().contiguous();
    for (size_t i = 0; i + 1 < v.starts.size(); ++i)
      gram.on_input(rows.slice(0, v.starts[i], v.starts[i + 1]), 1);
    return gram.gram;
  }

  /// SparseGPT on the weight as it is fitted.
  void prune(Fitted& f) const {
    const auto& site = *f.of.site;
    Layer bare;
    bare.name = site.layer.name;
    bare.weight = f.weight;
    Stats stats;
    stats.put<InputGram>(bare, need<InputGram>()).gram = f.hessian;
    const auto& gone = f.of.gone;
    const auto criterion = Registry<Criterion>::instance().create(
        "sparsegpt", Value{Value::Map{{"damping", Value(damping_)}}});
    const auto selection =
        Registry<Selection>::instance().create(site.pattern.reference_ties ? "threshold" : "exact");
    const auto choose = [&](const Tensor& weight, int64_t begin, int64_t end, double) {
      auto score = criterion->score(View(bare, weight, begin, end), stats);
      if (gone.defined())
        score =
            score.masked_fill(gone.slice(1, begin, end), -std::numeric_limits<float>::infinity());
      if (site.pattern.kind == Pattern::NM)
        return selection->nm(score, site.pattern.keep, site.pattern.of);
      return selection->mask(score, site.contest, {part(site), -1});
    };
    Site one{bare,         at::ones(f.weight.sizes(), at::kBool).to(f.weight.device()),
             site.part,    site.pattern,
             site.contest, site.share,
             stats,        choose};
    Registry<Update>::instance()
        .create("obs", Value{Value::Map{{"reselect", Value(true)},
                                        {"damping", Value(damping_)},
                                        {"slab", Value(slab_)}}})
        ->apply(one);
    f.weight = bare.matrix();
    f.mask = one.mask;
    auto diagonal = f.hessian.diagonal();
    diagonal.masked_fill_(diagonal == 0, 1);
    diagonal.add_(diagonal.mean() * damping_);
  }

  static double part(const Site& site) {
    return site.share.count >= 0
               ? static_cast<double>(site.share.count) / static_cast<double>(site.part.size)
               : site.share.ratio;
  }

  static void move_input(Signals& v, const Tensor& down, const Tensor& y, double rho, bool gated) {
    auto normal = rho * down.t().matmul(down);
    normal = normal + rho * at::eye(normal.size(0), normal.options());
    const auto said = gated ? at::silu(v.s) * v.z : at::relu(v.z);
    v.p = at::linalg_inv(normal).matmul(rho * down.t().matmul(y) + rho * said);
  }

  void move_gated(Signals& v, const Tensor& up, const Tensor& gate, const Mlp& mlp,
                  double rho) const {
    const auto m = with_bias(up.matmul(v.x), mlp.up.layer());
    const auto swish = at::silu(v.s);
    v.z = (m + swish * v.p) / (swish.square() + 1);
    const auto g = with_bias(gate.matmul(v.x), mlp.gate.layer());
    for (int64_t i = 0; i < gate_steps_; ++i) {
      const auto sigma = at::sigmoid(v.s);
      const auto slope = sigma * (1 + v.s * (1 - sigma));
      const auto step = 2 * rho * (v.s - g) - 2 * rho * (v.p - v.s * sigma * v.z) * v.z * slope;
      v.s = v.s - gate_rate_ * step;
    }
  }

  /// The better of the best z above and the best z below 0.
  static void move_relu(Signals& v, const Tensor& m, double rho) {
    const auto above = ((v.p + m) / 2).clamp_min(0), below = m.clamp_max(0);
    const auto cost = [&](const Tensor& z) {
      return rho * (v.p - at::relu(z)).square() + rho * (z - m).square();
    };
    v.z = at::where(cost(above) <= cost(below), above, below);
  }

  static void put(Fitted& f) {
    auto& layer = f.of.layer();
    layer.mask = f.of.gone.defined() ? f.mask & ~f.of.gone : f.mask;
    layer.set_matrix(f.weight);
  }

  int64_t epochs_, slab_, gate_steps_;
  std::vector<int64_t> once_;
  double penalty_, damping_, gate_rate_;
};

BENCH_REGISTER(Update, SparseLlm, "sparsellm",
               .doc = "prunes an MLP as one problem over what passes between its layers",
               .source = "Bai et al. 2024, arXiv 2402.17946", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
