#include "measure/unit_scales.h"

#include <algorithm>

#include "measure/lsmr.h"

namespace bench {
namespace {

Batch together(const std::vector<Batch>& samples) {
  Batch all = samples.front();
  std::vector<Tensor> ids, types, positions, labels, images;
  all.starts = {0};
  for (const auto& one : samples) {
    if (one.labels.defined()) labels.push_back(one.labels);
    if (!one.is_text()) {
      images.push_back(one.images);
      continue;
    }
    ids.push_back(one.ids), positions.push_back(one.positions);
    if (one.types.defined()) types.push_back(one.types);
    all.starts.push_back(all.starts.back() + one.ids.numel());
  }
  if (!labels.empty()) all.labels = at::cat(labels);
  if (!images.empty()) {
    all.images = at::cat(images);
    all.starts.clear();
    return all;
  }
  all.ids = at::cat(ids), all.positions = at::cat(positions);
  if (!types.empty()) all.types = at::cat(types);
  return all;
}

/// The normal equations of one sublayer: gram x = right.
struct Normal {
  Tensor gram, right;
  void add(const Tensor& g, const Tensor& r) {
    gram = gram.defined() ? gram + g : g;
    right = right.defined() ? right + r : r;
  }
};

/// What a reader reads in one run of a block, and what the sublayer is added to.
struct Seen {
  Tensor inputs, stream, out;
};

class Solver {
 public:
  Solver(Model& model, const std::vector<Batch>& data, std::vector<ScaledUnits>& units)
      : model_(model), data_(data), units_(units) {
    for (const auto& batch : data_) {
      teacher_.push_back(model_.stem(batch));
      student_.push_back(teacher_.back());
    }
    for (auto& u : units_) u.scale = u.kept.to(at::kFloat);
  }

  void run() {
    for (int64_t block = 0; block < model_.block_count(); ++block) {
      for (const bool heads : {true, false}) {
        auto* u = of(block, heads);
        if (!u || !u->kept.any().item<bool>() || (heads && block == 0)) continue;
        if (!solve(*u, block)) return;
      }
      for (size_t b = 0; b < data_.size(); ++b) {
        teacher_[b] = pass(block, b, true, nullptr).out;
        student_[b] = pass(block, b, false, nullptr).out;
      }
    }
  }

 private:
  ScaledUnits* of(int64_t block, bool heads) const {
    for (auto& u : units_)
      if (u.group->block == block && (u.group->kind == "head") == heads) return &u;
    return nullptr;
  }

  /// One block under the masks of the teacher or the student; `watched` is looked at.
  Seen pass(int64_t block, size_t b, bool teacher, const ScaledUnits* watched) const {
    Borrowed borrowed;
    Seen seen;
    for (const bool heads : {true, false})
      if (auto* u = of(block, heads))
        hang_mask(borrowed, *u->group, *u->reader, teacher ? u->teacher.to(at::kFloat) : u->scale);
    if (watched) {
      borrowed.tap(*watched->reader, [&](const Tensor& x, const Tensor&) { seen.inputs = x; });
      if (watched->group->kind != "head")
        for (const auto& s : watched->group->slices)
          if (s.dim == Slice::Out)
            borrowed.tap(*s.layer, [&](const Tensor& x, const Tensor&) { seen.stream = x; });
    }
    const auto& hidden = teacher ? teacher_[b] : student_[b];
    if (watched && watched->group->kind == "head") seen.stream = hidden;
    seen.out = model_.block(block, hidden, data_[b]);
    return seen;
  }

  bool solve(ScaledUnits& u, int64_t block) {
    const bool heads = u.group->kind == "head";
    Normal n;
    for (size_t b = 0; b < data_.size(); ++b) {
      auto theirs = pass(block, b, true, &u), ours = pass(block, b, false, &u);
      if (!heads && block + 1 == model_.block_count() && data_[b].labels.defined()) {
        const auto first = at::tensor(data_[b].starts, at::kLong).slice(0, 0, -1);
        for (Tensor* t : {&theirs.inputs, &theirs.stream, &ours.inputs, &ours.stream})
          *t = t->index_select(0, first.to(t->device()));
      }
      add_equations(n, u, theirs, ours);
    }
    const auto kept = u.kept.nonzero().squeeze(1);
    auto x = solution(n);
    if (!x.defined()) return false;
    x = x.slice(0, 0, kept.numel());
    if (x.max().item<double>() > 10 || x.min().item<double>() < -10) return false;
    u.scale = u.scale.index_copy(0, kept, x.to(at::kFloat));
    return true;
  }

  /// One column for each unit that stays: what it adds to the stream; heads have one of ones more.
  static void add_equations(Normal& n, const ScaledUnits& u, const Seen& theirs, const Seen& ours) {
    const auto kept = u.kept.nonzero().squeeze(1).to(u.reader->weight.device());
    const auto w = u.reader->matrix().to(at::kDouble);
    const auto units = u.group->units, width = u.reader->columns() / units;
    const auto mask = u.teacher.to(w.device(), at::kDouble).repeat_interleave(width);
    const bool heads = u.group->kind == "head";
    // Of the teacher's MLP all neurons count: its mask hangs behind what their code reads.
    const auto x = theirs.inputs.to(at::kDouble);
    const auto goal = (heads ? x * mask : x).mm(w.t()) + theirs.stream.to(at::kDouble) -
                      ours.stream.to(at::kDouble);
    const auto inputs = ours.inputs.to(at::kDouble);
    if (!heads) {
      const auto h = inputs.index_select(1, kept), v = w.index_select(1, kept);
      n.add(v.t().mm(v) * h.t().mm(h), (h * goal.mm(v)).sum(0));
      return;
    }
    std::vector<Tensor> columns;
    for (int64_t i = 0; i < kept.numel(); ++i) {
      const auto at = kept[i].item<int64_t>() * width;
      columns.push_back(
          inputs.slice(1, at, at + width).mm(w.slice(1, at, at + width).t()).flatten());
    }
    columns.push_back(at::ones_like(columns.front()));
    const auto a = at::stack(columns, 1);
    n.add(a.t().mm(a), a.t().mv(goal.flatten()));
  }

  /// Undefined where it failed.
  static Tensor solution(const Normal& n) {
    const auto gram = n.gram.cpu(), right = (n.right - n.gram.sum(1)).cpu();
    if (right.numel() == 1) return right / gram[0] + 1;
    const auto found = lsmr(gram, right, 1, 5 * right.numel());
    return found.reason < 3 ? found.x + 1 : Tensor();
  }

  Model& model_;
  const std::vector<Batch>& data_;
  std::vector<ScaledUnits>& units_;
  std::vector<Tensor> teacher_, student_;  // hidden states before the block
};

}  // namespace

std::vector<Batch> mini_batches(const std::vector<Batch>& batches, int64_t together_) {
  std::vector<Batch> all, run;
  for (const auto& one : samples(batches)) {
    run.push_back(one);
    if (static_cast<int64_t>(run.size()) < together_) continue;
    all.push_back(together(run));
    run.clear();
  }
  if (!run.empty()) all.push_back(together(run));
  return all;
}

void hang_mask(Borrowed& borrowed, const Group& group, Layer& reader, const Tensor& mask) {
  borrowed.gate(reader,
                mask.to(reader.weight.device()).repeat_interleave(reader.columns() / group.units));
}

void solve_scales(Model& model, const std::vector<Batch>& data, std::vector<ScaledUnits>& units) {
  at::NoGradGuard no_grad;
  Solver(model, data, units).run();
}

}  // namespace bench
