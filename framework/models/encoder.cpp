#include "models/encoder.h"

namespace bench {
namespace {

void add(std::vector<Model::Named>& all, Norm& n) {
  all.push_back({n.name + ".weight", &n.weight});
  all.push_back({n.name + ".bias", &n.bias});
  all.push_back({n.name + ".alive", &n.alive, false});
}

/// A compact folder may hold fewer channels of the stream than its config.json says.
Plan as_wide_as_stored(Source& c, Plan plan) {
  if (c.compact()) plan.hidden = c.take(plan.at(0) + plan.attention_norm + ".weight").size(0);
  return plan;
}

}  // namespace

Encoder::Encoder(Source& c, Plan plan, EncoderStart start, EncoderHead head)
    : Transformer(c, as_wide_as_stored(c, std::move(plan))),
      start_(std::move(start)),
      form_(std::move(head)) {
  take_start(c);
  take_head(c);
}

void Encoder::take_start(Source& c) {
  embed_name_ = start_.words + ".weight";
  embed_ = c.take(embed_name_);
  c.agree("vocab_size", embed_.size(0), embed_name_);
  const auto table = [&](Tensor& to, const std::string& name) {
    if (name.empty()) return;
    to = c.take(name + ".weight");
    c.expect(to, name + ".weight", {to.size(0), embed_.size(1)});
    outer_.push_back({name + ".weight", &to});
  };
  table(positions_, start_.positions);
  table(types_, start_.types);
  if (positions_.defined())
    c.agree("max_position_embeddings", positions_.size(0), start_.positions);
  if (types_.defined()) c.agree("type_vocab_size", types_.size(0), start_.types);
  start_norm_ = c.layer_norm(start_.norm, plan_.norm.eps);
  add(outer_, start_norm_);
  if (!start_.project.empty()) {
    project_ = c.layer(start_.project, start_.project_bias);
    c.expect(project_.weight, project_.weight_name(), {plan_.hidden, embed_.size(1)});
    name_layer(outer_, project_);
  } else if (embed_.size(1) != plan_.hidden && !c.compact()) {
    fail("{}: {} is {} wide, where config.json has a hidden size of {}", c.where(), embed_name_,
         embed_.size(1), plan_.hidden);
  }
}

void Encoder::take_head(Source& c) {
  const auto dense = [&](Layer& to, const std::string& name) {
    if (name.empty()) return;
    to = c.layer(name, true);
    name_layer(outer_, to);
  };
  dense(first_, form_.dense_first);
  dense(dense_, form_.dense);
  if (!form_.norm.empty()) {
    head_norm_ = c.layer_norm(form_.norm, plan_.norm.eps);
    add(outer_, head_norm_);
  }
  if (form_.kind != EncoderHead::Words) {
    c.inert({"tie_word_embeddings", "legacy"});
    dense(out_, form_.out);
    return;
  }
  // Older files store the tied matrix, and the bias a second time.
  const auto own = c.take_if(form_.out + ".weight");
  c.take_if(form_.out + ".bias");
  head_name_ = form_.out + ".weight";
  const bool tied = c.get("tie_word_embeddings", true);
  if (own.defined() && !own.equal(embed_)) head_ = own;
  if (!tied && !own.defined())
    fail("{}: {} is missing and config.json does not tie it", c.where(), head_name_);
  head_bias_ = c.take_if(form_.bias);
  if (head_bias_.defined()) outer_.push_back({form_.bias, &head_bias_});
}

Input Encoder::input() const {
  return form_.kind == EncoderHead::Classes ? Input::LabelledText : Input::MaskedText;
}

Tensor Encoder::places(const Batch& batch) const {
  if (start_.pad < 0) return batch.positions;
  const auto real = batch.ids.ne(start_.pad);
  if (real.all().item<bool>()) return batch.positions + (start_.pad + 1);
  std::vector<Tensor> all;
  for (int64_t s = 0; s < batch.segments(); ++s) {
    const auto begin = batch.starts[static_cast<size_t>(s)];
    const auto mine = real.slice(0, begin, batch.starts[static_cast<size_t>(s) + 1]).to(at::kLong);
    all.push_back(mine.cumsum(0) * mine + start_.pad);
  }
  return at::cat(all);
}

Tensor Encoder::stem(const Batch& batch) const {
  auto x = embedded(batch);
  if (positions_.defined()) {
    const auto where = places(batch);
    const auto longest = where.numel() ? where.max().item<int64_t>() : -1;
    if (longest >= positions_.size(0))
      fail("a sequence of {} tokens is longer than the {} positions of this model",
           batch.positions.max().item<int64_t>() + 1, max_length_);
    x = x + positions_.index_select(0, where);
  }
  if (types_.defined()) {
    const auto types = batch.types.defined() ? batch.types : at::zeros_like(batch.ids);
    x = x + types_.index_select(0, types.clamp_max(types_.size(0) - 1));
  }
  if (project_.weight.defined() && start_.project_first) x = project_(x);
  x = start_norm_(x);
  return project_.weight.defined() && !start_.project_first ? project_(x) : x;
}

Tensor Encoder::features(const Tensor& hidden, const Batch& batch) const {
  auto x = hidden;
  if (form_.kind == EncoderHead::Classes) {
    const auto first = std::vector<int64_t>(batch.starts.begin(), batch.starts.end() - 1);
    x = hidden.index_select(0, at::tensor(first, at::kLong).to(hidden.device()));
  }
  if (first_.weight.defined()) x = apply(form_.act, first_(x));
  if (dense_.weight.defined()) x = apply(form_.act, dense_(x));
  return head_norm_(x);
}

Classifier Encoder::classifier() const {
  if (form_.kind == EncoderHead::Words) return {head_.defined() ? head_ : embed_, head_bias_};
  return {out_.weight, out_.bias};
}

Tensor Encoder::loss(const Batch& batch) const {
  const auto here = batch.to(embed_.device());
  const auto logits = forward(here);
  if (form_.kind == EncoderHead::Classes) {
    if (!batch.labels.defined())
      fail("the loss of a text's class needs labels; this text has none");
    const auto labels = here.labels;
    if (logits.size(1) == 1) return at::mse_loss(logits.squeeze(1), labels.to(logits.dtype()));
    return at::cross_entropy_loss(logits, labels);
  }
  const auto wide = logits.to(at::kDouble);
  if (form_.kind == EncoderHead::Tokens) return at::softplus(wide).mean();
  const auto picked = wide.gather(1, here.ids.unsqueeze(1)).squeeze(1);
  return (wide.logsumexp(1) - picked).mean();
}

std::vector<Follower> Encoder::outer_hidden() {
  std::vector<Follower> all;
  const auto width = plan_.hidden;
  const auto rows = [&](Layer& l) {
    all.push_back({&l.weight, Follower::Affine, 1, 0, l.weight_name()});
    all.push_back({&l.bias, Follower::Affine});
  };
  const auto columns = [&](Layer& l) {
    if (l.weight.defined()) all.push_back({&l.weight, Follower::Affine, 1, 1, l.weight_name()});
  };
  Group norms;
  if (project_.weight.defined()) {
    rows(project_);
    if (start_.project_first) follow(norms, start_norm_);
  } else {
    for (auto [t, name] :
         {std::pair(&positions_, &start_.positions), std::pair(&types_, &start_.types)})
      if (t->defined()) all.push_back({t, Follower::Affine, 1, 1, *name + ".weight", true});
    follow(norms, start_norm_);
  }
  columns(first_.weight.defined() ? first_ : dense_.weight.defined() ? dense_ : out_);
  // A head of words ends where the embeddings began: its matrix writes what they read.
  if (form_.kind == EncoderHead::Words && embed_.size(1) == width && dense_.weight.defined()) {
    rows(dense_);
    if (!head_norm_.name.empty()) follow(norms, head_norm_);
  }
  for (auto& f : norms.followers) all.push_back(std::move(f));
  return all;
}

Checkpoint encoder_checkpoint(const Checkpoint& c, const std::string& prefix) {
  auto inner = c;
  inner.tensors.clear();
  const auto begins = [&](const std::string& word) {
    return std::any_of(c.tensors.begin(), c.tensors.end(),
                       [&](const auto& t) { return t.first.starts_with(word); });
  };
  const bool bare = !begins(prefix + ".") && begins("embeddings.");
  for (const auto& [name, tensor] : c.tensors) {
    auto now = name;
    for (const auto& [old, today] : {std::pair("LayerNorm.gamma", "LayerNorm.weight"),
                                     std::pair("LayerNorm.beta", "LayerNorm.bias")})
      if (now.ends_with(old)) now = now.substr(0, now.size() - std::string(old).size()) + today;
    for (const std::string part : {"embeddings", "encoder.", "pooler.", "transformer."})
      if (bare && now.starts_with(part)) {
        now = prefix + "." + now;
        break;
      }
    inner.tensors.emplace(now, tensor);
  }
  return inner;
}

}  // namespace bench
