#include "core/block_influence.h"

#include <cmath>
#include <numbers>

namespace bench {
namespace {

/// Cosine of each row of two matrices, 0.5 where one is zero (short_gpt/metrics.py:20-24).
Tensor cosines(const Tensor& in, const Tensor& out) {
  const auto a = in.to(at::kDouble), b = out.to(at::kDouble);
  const auto cosine = (a * b).sum(1) / (a.norm(2, 1) * b.norm(2, 1));
  return cosine.nan_to_num(0.5).clamp(-1, 1);
}

/// What the last layer of a sublayer adds to the stream, kept while the scope lasts.
struct Outputs {
  explicit Outputs(const std::vector<const Group*>& groups) {
    for (const Group* g : groups) {
      if (g->kind == "block") continue;
      Layer* writer = writer_of(*g);
      writer->lens = [this, writer](const Layer& l, const Tensor& x) {
        auto plain = l;
        plain.lens = nullptr, plain.tap = nullptr;
        return added[writer] = plain(x);
      };
      layers.push_back(writer);
    }
  }
  ~Outputs() {
    for (Layer* l : layers) l->lens = nullptr;
  }
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  static Layer* writer_of(const Group& g) {
    for (const auto& s : g.slices)
      if (s.dim == Slice::In) return s.layer;
    fail("{}: no layer writes to the residual stream", g.name);
  }

  std::vector<Layer*> layers;
  std::map<const Layer*, Tensor> added;
};

void note(BlockInfluence::Of& of, const Tensor& in, const Tensor& out) {
  const auto c = cosines(in, out);
  of.one_minus_cosine += (1 - c).sum().item<double>();
  of.angle += std::acos(c[-1].item<double>()) / std::numbers::pi;
  of.tokens += c.size(0);
  of.sequences += 1;
}

void measure(const Probe& p, const Listeners& stats) {
  at::NoGradGuard no_grad;
  for (const Group* g : p.groups)
    if (g->kind != "block" && g->kind != "attention" && g->kind != "mlp")
      fail("{}: {} is no block and no sublayer of one", g->name, g->kind);
  Outputs outputs(p.groups);
  for (const auto& one : split(p.data.batches)) {
    auto in = p.model.stem(one);
    for (int64_t b = 0; b < p.model.block_count(); ++b) {
      const auto out = p.model.block(b, in, one);
      for (const Group* g : p.groups) {
        if (g->block != b) continue;
        for (auto* s : stats.at(g->slices.front().layer)) {
          auto& of = static_cast<BlockInfluence*>(s)->of[g->name];
          if (g->kind == "block") {
            note(of, in, out);
            continue;
          }
          // Attention adds to what comes into the block; the MLP ends in what leaves it.
          const auto& added = outputs.added.at(Outputs::writer_of(*g));
          if (g->kind == "attention")
            note(of, in, in + added);
          else
            note(of, out - added, out);
        }
      }
      in = out;
    }
  }
}

const Pass kBlockPass{Pass::Global, measure};

}  // namespace

const Pass& BlockInfluence::pass() {
  return kBlockPass;
}

Statistic::Values BlockInfluence::values() const {
  Values all;
  for (const auto& [name, o] : of)
    all.emplace_back(name, at::tensor({o.one_minus_cosine, o.angle}, at::kDouble));
  return all;
}

}  // namespace bench
