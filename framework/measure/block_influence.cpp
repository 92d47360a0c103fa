#include "measure/block_influence.h"

#include <cmath>
#include <numbers>

#include "core/borrowed.h"

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
      borrowed.lens(*writer, [this, writer](const Layer& l, const Tensor& x) {
        return added[writer] = without_lens(l, x);
      });
    }
  }

  static Layer* writer_of(const Group& g) {
    for (const auto& s : g.slices)
      if (s.dim == Slice::In) return s.layer;
    fail("{}: no layer writes to the residual stream", g.name);
  }

  std::map<const Layer*, Tensor> added;
  Borrowed borrowed;
};

double angle(const Tensor& in, const Tensor& out) {
  const auto last = cosines(in.slice(0, -1), out.slice(0, -1));
  return std::acos(last[0].item<double>()) / std::numbers::pi;
}

class Measuring {
 public:
  explicit Measuring(const Probe& p) : p_(p), outputs_(p.groups) {}

  void run(const Batch& one) {
    std::vector<Tensor> last;  // the last token before each block, and behind the last one
    auto in = p_.model.stem(one);
    for (int64_t b = 0; b < p_.model.block_count(); ++b) {
      const auto out = p_.model.block(b, in, one);
      for (const Group* g : p_.groups)
        if (g->block == b) note(*g, in, out);
      last.push_back(in.slice(0, -1));
      in = out;
    }
    last.push_back(in.slice(0, -1));
    for (const Group* g : p_.groups)
      if (g->kind == "block") note_angles(of[g->name], last, static_cast<size_t>(g->block));
  }

  std::map<std::string, BlockInfluence::Of> of;

 private:
  void note(const Group& g, const Tensor& in, const Tensor& out) {
    auto& o = of[g.name];
    o.block = g.block, o.tokens += in.size(0), o.sequences += 1;
    if (g.kind == "block") return note_cosines(o, in, out);
    // Attention adds to what comes into the block; the MLP ends in what leaves it.
    const auto& added = outputs_.added.at(Outputs::writer_of(g));
    const auto from = g.kind == "attention" ? in : out - added;
    const auto to = g.kind == "attention" ? in + added : out;
    note_cosines(o, from, to);
    o.angles.resize(1);
    o.angles[0] += angle(from, to);
  }

  static void note_cosines(BlockInfluence::Of& o, const Tensor& in, const Tensor& out) {
    o.one_minus_cosine += (1 - cosines(in, out)).sum().item<double>();
  }

  static void note_angles(BlockInfluence::Of& o, const std::vector<Tensor>& last, size_t block) {
    o.angles.resize(last.size() - 1 - block);
    for (size_t n = 0; n < o.angles.size(); ++n)
      o.angles[n] += angle(last[block], last[block + n + 1]);
  }

  const Probe& p_;
  Outputs outputs_;
};

void measure(const Probe& p, Heard<BlockInfluence> heard) {
  const auto of = measure_influence(p);
  for (const auto& [layer, s] : heard) s->of = of;
}

const Pass kBlockPass = pass_of<BlockInfluence>(Pass::Global, measure);

}  // namespace

std::map<std::string, BlockInfluence::Of> measure_influence(const Probe& p) {
  at::NoGradGuard no_grad;
  for (const Group* g : p.groups)
    if (g->kind != "block" && g->kind != "attention" && g->kind != "mlp")
      fail("{}: {} is no block and no sublayer of one", g->name, g->kind);
  Measuring all(p);
  for (const auto& one : split(p.data.batches)) all.run(one);
  return all.of;
}

const Pass& BlockInfluence::pass() {
  return kBlockPass;
}

Statistic::Values BlockInfluence::values() const {
  Values all;
  for (const auto& [name, o] : of)
    all.emplace_back(name, at::tensor({o.one_minus_cosine, o.angles.front()}, at::kDouble));
  return all;
}

}  // namespace bench
