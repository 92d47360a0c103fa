#include "core/stream.h"

#include "tensor/rows.h"

namespace bench {
namespace {

Tensor wide(const Tensor& t) {
  return t.to(at::kDouble);
}

/// Matrix times vector, the same bits on any number of threads.
Tensor product(const Tensor& m, const Tensor& v) {
  return matmul_rows(m, v.unsqueeze(1)).squeeze(1);
}

/// Norm weights go into the matrices that read, means out of those that write; the norm itself
/// becomes a bare x / rms(x) over the width the stream has now.
class Folding {
 public:
  explicit Folding(Stream& s) : s_(s) {}

  void run() {
    if (!s_.head->defined()) *s_.head = *s_.embeddings.front();
    // Also for RMS norms, as the authors do, which changes the function a little.
    for (Tensor* e : s_.embeddings) *e = narrow(wide(*e) - wide(*e).mean(1, true), *e);
    for (auto& j : s_.junctions) {
      fold(j);
      if (!j.rms)
        for (Layer* w : j.writers) without_mean(*w);
    }
  }

  Tensor head_shift;  // [vocabulary]: what the last norm's shift adds to the logits

 private:
  static Tensor narrow(const Tensor& t, const Tensor& like) { return t.to(like.scalar_type()); }

  void fold(Junction& j) {
    for (Layer* r : j.readers) {
      if (j.shift->defined()) {
        const auto added = product(wide(r->weight), wide(*j.shift));
        r->bias = narrow(r->bias.defined() ? wide(r->bias) + added : added, r->weight);
      }
      if (j.scale->defined()) r->weight = narrow(wide(r->weight) * wide(*j.scale), r->weight);
    }
    if (j.readers.empty()) {
      if (j.shift->defined())
        head_shift = narrow(product(wide(*s_.head), wide(*j.shift)), *s_.head);
      if (j.scale->defined()) *s_.head = narrow(wide(*s_.head) * wide(*j.scale), *s_.head);
    }
    const auto width = s_.embeddings.front()->size(1);
    *j.scale = *j.shift = Tensor();
    *j.turned = at::tensor({static_cast<double>(width), 1e-5}, at::kDouble);
  }

  static void without_mean(Layer& l) {
    l.weight = narrow(wide(l.weight) - wide(l.weight).mean(0, true), l.weight);
    if (l.bias.defined()) l.bias = narrow(wide(l.bias) - wide(l.bias).mean(), l.bias);
  }

  Stream& s_;
};

/// Everything from `kept` on along dim is zero.
Tensor first_of(const Tensor& t, int64_t dim, int64_t kept) {
  auto out = t.contiguous().clone();
  if (kept < out.size(dim)) out.narrow(dim, kept, out.size(dim) - kept).zero_();
  return out;
}

struct Components {
  Tensor values, vectors;  // float64, descending; columns are components
};
Components components_of(const std::vector<Tensor>& signal) {
  SingleThread alone;  // LAPACK's blocking may depend on the threads
  Tensor h;
  for (const auto& x : signal) {
    const auto gram = matmul_rows(wide(x).t().contiguous(), wide(x));
    h = h.defined() ? h + gram : gram;
  }
  h.diagonal().add_(h.diagonal().mean() * 0.01);
  const auto [values, vectors] = at::linalg_eigh(h);
  return {values.flip({0}), vectors.flip({1})};
}

/// A block computes in float64 until the end of the scope: small eigenvalues are sums of what
/// rounding of the large ones would drown.
class Widened {
 public:
  Widened(Model& m, Stream& s, int64_t block) {
    for (Layer* l : m.layers(block)) swap(l->weight), swap(l->bias);
    for (const auto place : {2 * block + 1, 2 * block + 2})
      swap(*s.junctions[static_cast<size_t>(place)].edge);
  }
  ~Widened() {
    for (auto& [place, tensor] : stored_) *place = tensor;
  }
  Widened(const Widened&) = delete;
  Widened& operator=(const Widened&) = delete;

 private:
  void swap(Tensor& t) {
    stored_.emplace_back(&t, t);
    if (t.defined()) t = wide(t);
  }
  std::vector<std::pair<Tensor*, Tensor>> stored_;
};

class Turning {
 public:
  Turning(Model& m, Stream& s, const Calibration& data, int64_t kept)
      : m_(m), s_(s), batches_(split(data.batches)), kept_(kept) {}

  std::vector<Tensor> run() {
    for (const auto& b : batches_) signal_.push_back(wide(m_.stem(b)));
    turn(components_of(signal_), kept_);
    for (Tensor* e : s_.embeddings)
      *e = first_of(matmul_rows(wide(*e), q_), 1, kept_).to(e->scalar_type());
    advance();
    for (size_t j = 1; j < s_.junctions.size(); ++j) step(j);
    *s_.head = matmul_rows(wide(*s_.head), q_).to(s_.head->scalar_type());
    return std::move(values_);
  }

 private:
  void turn(const Components& c, int64_t width) {
    values_.push_back(c.values);
    q_ = c.vectors;
    width_ = width;
  }

  /// The signal in the turned stream, as the sliced model would see it.
  void advance() {
    for (auto& x : signal_) x = first_of(matmul_rows(x, q_), 1, width_);
  }

  void step(size_t j) {
    auto& here = s_.junctions[j];
    auto& before = s_.junctions[j - 1];
    for (Layer* r : before.readers)
      r->weight = first_of(matmul_rows(wide(r->weight), q_), 1, width_).to(r->weight.scalar_type());
    // [out, in] = Q before the turn at this place: back to the axes in which the writers write.
    const auto back = first_of(q_, 1, width_).to(here.writers.front()->weight.scalar_type());
    *here.edge = back;
    const auto signal = signal_at(static_cast<int64_t>(j));
    const bool last = j + 1 == s_.junctions.size();
    turn(components_of(signal), last ? q_.size(0) : kept_);
    const auto t = q_.t();
    *here.edge = first_of(matmul_rows(t.to(back.scalar_type()), back), 0, width_);
    for (Layer* w : here.writers) {
      w->weight = first_of(matmul_rows(t, wide(w->weight)), 0, width_).to(w->weight.scalar_type());
      if (w->bias.defined())
        w->bias = first_of(product(t, wide(w->bias)), 0, width_).to(w->bias.scalar_type());
    }
    if (here.silenced) return;  // the MLP comes next, from the same input of the block
    signal_ = signal;
    advance();
  }

  /// The stream at place j of its block, from the block's input.
  std::vector<Tensor> signal_at(int64_t j) {
    auto& here = s_.junctions[static_cast<size_t>(j)];
    const auto block = (j - 1) / 2;
    Widened widened(m_, s_, block);
    if (here.silenced) here.silenced->weight = here.silenced->weight.narrow(1, 0, 0);
    std::vector<Tensor> out;
    for (size_t i = 0; i < batches_.size(); ++i)
      out.push_back(m_.block(block, signal_[i], batches_[i]));
    return out;
  }

  Model& m_;
  Stream& s_;
  std::vector<Batch> batches_;
  int64_t kept_, width_ = 0;
  std::vector<Tensor> signal_, values_;
  Tensor q_;  // components of the last place, in columns
};

}  // namespace

std::vector<Tensor> turn_stream(Model& model, const Calibration& data, int64_t kept) {
  at::NoGradGuard no_grad;
  auto* streamed = dynamic_cast<Streamed*>(&model);
  if (!streamed) fail("slicegpt: turns the residual stream of a decoder; this model has none");
  auto stream = streamed->stream();
  if (stream.junctions.front().turned->defined())
    fail("slicegpt: the residual stream is turned already");
  Folding folding(stream);
  folding.run();
  auto values = Turning(model, stream, data, kept).run();
  if (folding.head_shift.defined())
    *stream.head = at::cat({*stream.head, folding.head_shift.unsqueeze(1)}, 1);
  return values;
}

}  // namespace bench
