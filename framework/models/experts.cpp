#include "models/experts.h"

#include <limits>

namespace bench {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// The name of one expert's part of a stacked tensor: "input_linear.weight" -> "input_linear.3".
std::string part_of(std::string stacked, int64_t number) {
  if (stacked.ends_with(".weight")) stacked.resize(stacked.size() - 7);
  return fmt::format("{}.{}", stacked, number);
}

}  // namespace

std::vector<Layer*> Expert::layers() {
  std::vector<Layer*> all;
  for (Layer* l : {&gate, &up, &gate_up, &down})
    if (!l->name.empty()) all.push_back(l);
  return all;
}

Experts::Experts(Source& source, const std::string& at, int64_t hidden, const MixtureForm& form)
    : at_(at), form_(form) {
  take_router(source);
  const auto count = router_.size(0);
  source.agree(form.experts_key, count, at + form.router_name + ".weight");
  if (form.router.chosen > count)
    fail("{}: {} experts of a token are more than the {} of {}", source.where(), form.router.chosen,
         count, at + form.router_name);
  if (!form.stacked_in.empty())
    take_stacked(source, count);
  else
    for (int64_t e = 0; e < count; ++e) {
      const auto name = fmt::format("{}{}{}.", at, form.experts_at, e);
      Expert one;
      one.gate = source.layer(name + form.gate, false);
      one.up = source.layer(name + form.up, false);
      one.down = source.layer(name + form.down, false);
      one.number = e;
      experts_.push_back(std::move(one));
    }
  if (!form.shared.empty()) take_shared(source, hidden);
  check(source, hidden);
}

void Experts::take_router(Source& source) {
  const auto name = at_ + form_.router_name;
  router_ = source.take(name + ".weight");
  if (router_.dim() != 2) fail("{}: {}.weight is no matrix", source.where(), name);
  skip = source.take_if(name + ".skip");
  constant_of = source.take_if(name + ".constant_of");
  constants = source.take_if(name + ".constants");
  if (form_.router.bias) router_bias_ = source.take(name + ".bias");
  if (!form_.router.correction.empty()) correction_ = source.take(name + form_.router.correction);
  if (form_.router.groups <= 1) return;
  group_of_ = source.take_if(name + ".group_of");
  if (group_of_.defined()) return;
  const auto count = router_.size(0), groups = form_.router.groups;
  if (count % groups != 0)
    fail("{}: {} experts of {} do not split into {} groups", source.where(), count, name, groups);
  group_of_ = at::arange(groups, at::kLong).repeat_interleave(count / groups);
}

void Experts::take_stacked(Source& source, int64_t count) {
  const auto place = at_ + form_.experts_at;
  const auto all = [&](const std::string& name) {
    auto t = name.empty() ? Tensor() : source.take_if(place + name);
    if (t.defined() && t.size(0) != count)
      fail("{}: {} holds {} experts, and the router knows {}", source.where(), place + name,
           t.size(0), count);
    return t;
  };
  const auto in = all(form_.stacked_in), out = all(form_.stacked_out);
  const auto bias_in = all(form_.bias_in), bias_out = all(form_.bias_out);
  const auto layer = [&](const Tensor& stack, const Tensor& biases, const std::string& name,
                         bool bias, int64_t e) {
    Layer l;
    l.name = place + part_of(name, e);
    l.weight = stack.defined() ? stack.select(0, e) : source.take(l.weight_name());
    if (l.weight.dim() != 2) fail("{}: {} is no stack of matrices", source.where(), place + name);
    if (bias) l.bias = biases.defined() ? biases.select(0, e) : source.take(l.name + ".bias");
    l.stored_transposed = form_.input_first;
    if (form_.input_first) l.weight = l.weight.t();
    l.weight = l.weight.contiguous();
    return l;
  };
  for (int64_t e = 0; e < count; ++e) {
    Expert one;
    one.gate_up = layer(in, bias_in, form_.stacked_in, !form_.bias_in.empty(), e);
    one.down = layer(out, bias_out, form_.stacked_out, !form_.bias_out.empty(), e);
    one.number = e;
    experts_.push_back(std::move(one));
  }
}

void Experts::take_shared(Source& source, int64_t hidden) {
  const auto name = at_ + form_.shared + ".";
  shared_.gate = source.layer(name + "gate_proj", false);
  shared_.up = source.layer(name + "up_proj", false);
  shared_.down = source.layer(name + "down_proj", false);
  if (!form_.shared_key.empty())
    source.agree(form_.shared_key, shared_.down.columns(), shared_.down.weight_name());
  if (form_.shared_width > 0 && !source.compact() && form_.shared_width != shared_.down.columns())
    fail("{}: {} of config.json is {}, where {} is made for {}", source.where(), form_.shared_key,
         form_.shared_width, shared_.down.weight_name(), shared_.down.columns());
  if (form_.shared_gate.empty()) return;
  shared_gate_ = source.take(at_ + form_.shared_gate + ".weight");
  source.expect(shared_gate_, at_ + form_.shared_gate + ".weight", {1, hidden});
}

void Experts::check(Source& source, int64_t hidden) const {
  const auto right = [&](const Expert& e) {
    const auto inner = e.down.columns();
    source.expect(e.down.weight, e.down.weight_name(), {hidden, inner});
    if (e.gate_up.name.empty()) {
      source.expect(e.gate.weight, e.gate.weight_name(), {inner, hidden});
      source.expect(e.up.weight, e.up.weight_name(), {inner, hidden});
    } else {
      source.expect(e.gate_up.weight, e.gate_up.weight_name(), {2 * inner, hidden});
    }
  };
  source.expect(router_, at_ + form_.router_name + ".weight", {experts(), hidden});
  for (const auto& e : experts_) {
    right(e);
    source.agree(form_.neurons_key, e.down.columns(), e.down.weight_name());
  }
  if (!shared_.down.name.empty()) right(shared_);
}

std::vector<Layer*> Experts::layers() {
  std::vector<Layer*> all;
  const double share = static_cast<double>(std::min(chosen(), std::max<int64_t>(experts(), 1))) /
                       static_cast<double>(std::max<int64_t>(experts(), 1));
  for (auto& e : experts_)
    for (Layer* l : e.layers()) {
      l->rows_share = share;
      all.push_back(l);
    }
  if (shared())
    for (Layer* l : shared_.layers()) all.push_back(l);
  return all;
}

std::vector<Expert*> Experts::there() {
  std::vector<Expert*> all;
  for (auto& e : experts_)
    if (e.there()) all.push_back(&e);
  return all;
}

bool Experts::any() const {
  return router_.size(0) > 0 || (!shared_.down.name.empty() && shared_.down.columns() > 0);
}

/// Scores to choose by: those of the best groups alone, where there are groups.
Tensor Experts::choosable(const Tensor& scores) const {
  const auto& r = form_.router;
  if (!group_of_.defined()) return scores;
  std::vector<Tensor> best;
  const auto of = group_of_.cpu();
  for (int64_t g = 0; g < r.groups; ++g) {
    const auto members = (of == g).nonzero().squeeze(1).to(scores.device());
    if (members.numel() == 0) {
      best.push_back(at::full({scores.size(0), 1}, -kInfinite, scores.options()));
      continue;
    }
    const auto mine = scores.index_select(1, members);
    const auto n = std::min<int64_t>(r.groups_by_two_best ? 2 : 1, members.numel());
    const auto top = std::get<0>(mine.topk(n, 1));
    // Of a group with one expert left the second best adds nothing.
    const auto rest = top.narrow(1, 1, n - 1);
    best.push_back(top.narrow(1, 0, 1) +
                   rest.masked_fill(rest.isinf(), 0).sum(1, /*keepdim=*/true));
  }
  const auto order = at::sort(at::cat(best, 1), /*stable=*/true, 1, /*descending=*/true);
  const auto kept = std::get<1>(order).narrow(1, 0, std::min(r.kept, r.groups));
  const auto on = at::zeros({scores.size(0), r.groups}, scores.options().dtype(at::kBool))
                      .scatter(1, kept, true);
  const auto allowed = on.index_select(1, group_of_.to(scores.device()).clamp_min(0));
  return scores.masked_fill(~allowed, -kInfinite);
}

Routing Experts::route(const Tensor& x) const {
  const auto& r = form_.router;
  Routing out;
  // Scores by sigmoid are of DeepSeek-V3, whose router alone is float32 whatever the rest is.
  const auto& seen = r.scores == RouterForm::Sigmoid ? at_least_float(x) : x;
  out.logits = linear_rows(seen, router_, router_bias_);
  const int64_t count = experts(), k = std::min(r.chosen, count);
  const auto dead = alive.defined() ? ~alive.to(x.device()) : Tensor();
  // Everything of a row from its own logits: [T, E + k + k] holds scores, experts, weights.
  const auto all = rowwise(at_least_float(out.logits), [&](const Tensor& z) {
    const auto open = dead.defined() ? z.masked_fill(dead, -kInfinite) : z;
    const auto scores = r.scores == RouterForm::Softmax   ? open.softmax(1)
                        : r.scores == RouterForm::Sigmoid ? z.sigmoid()
                                                          : open;
    auto choice = correction_.defined() ? scores + correction_ : scores;
    if (dead.defined()) choice = choice.masked_fill(dead, -kInfinite);
    const auto order =
        at::sort(choosable(choice.detach()), /*stable=*/true, 1, /*descending=*/true);
    const auto best = std::get<1>(order).narrow(1, 0, k);
    const auto none = std::get<0>(order).narrow(1, 0, k).isinf();
    auto weights = scores.gather(1, best);
    if (r.scores == RouterForm::SoftmaxOfChosen) weights = weights.softmax(1);
    weights = weights.masked_fill(none, 0);
    if (r.normalized) weights = weights / (weights.sum(1, /*keepdim=*/true) + r.floor);
    if (r.scale != 1) weights = weights * r.scale;
    return at::cat({scores, best.masked_fill(none, -1).to(z.scalar_type()), weights}, 1);
  });
  out.scores = all.narrow(1, 0, count);
  out.experts = all.narrow(1, count, k).to(at::kLong);
  out.weights = all.narrow(1, count + k, k);
  if (skip.defined()) leave_out(out);
  return out;
}

/// Of each row by itself: elementwise, and sums over its few experts.
void Experts::leave_out(Routing& r) const {
  const auto least = skip.to(r.weights.options());
  const auto both = rowwise(r.weights, [&](const Tensor& w) {
    const auto kept = w >= w.amax(1, true) * least;
    const auto rest = w * kept;
    const auto whole = rest * (w.sum(1, true) / rest.sum(1, true));
    return at::cat({whole, kept.to(w.scalar_type())}, 1);
  });
  const auto k = r.weights.size(1);
  r.experts = r.experts.masked_fill(both.narrow(1, k, k) == 0, -1);
  r.weights = both.narrow(1, 0, k);
}

Tensor Experts::activated(const Expert& e, const Tensor& x, const Tensor& which) const {
  if (e.gate_up.name.empty()) return apply(form_.act, e.gate(x, which)) * e.up(x, which);
  return rowwise(e.gate_up(x, which), [&](const Tensor& y) {
    const auto pairs = y.reshape({y.size(0), y.size(1) / 2, 2});
    auto parts = y.chunk(2, 1);
    auto g = (form_.interleaved ? pairs.select(2, 0) : parts[0]).contiguous();
    auto u = (form_.interleaved ? pairs.select(2, 1) : parts[1]).contiguous();
    if (form_.swiglu_alpha == 0) return form_.act(g) * u;
    g = g.clamp_max(form_.swiglu_limit);
    u = u.clamp(-form_.swiglu_limit, form_.swiglu_limit);
    return (u + 1) * (g * (g * form_.swiglu_alpha).sigmoid());
  });
}

Tensor Experts::run(const Expert& e, const Tensor& x, const Tensor& which) const {
  return by_rows(x, {&e.gate, &e.up, &e.gate_up, &e.down},
                 [&](const Tensor& t) { return e.down(activated(e, t, which), which); });
}

Tensor Experts::operator()(const Tensor& x) const {
  auto out = at::zeros_like(x);
  if (experts() > 0) {
    auto routing = route(x);
    const bool grad = at::GradMode::is_enabled();
    const auto constant = constant_of.defined() ? constant_of.cpu() : Tensor();
    int64_t number = 0;
    for (const auto& e : experts_) {
      if (!e.there()) continue;
      const auto hit = routing.experts == number++;
      const auto rows = hit.any(1).nonzero().squeeze(1);
      // One that no row came to does nothing, but it is part of the graph: its gradient is zero.
      if (rows.numel() == 0 && !grad) continue;
      const auto fixed = constant.defined() ? constant[number - 1].item<int64_t>() : -1;
      const auto y = fixed < 0 ? run(e, x.index_select(0, rows), rows)
                               : constants[fixed].to(x.options()).expand({rows.size(0), -1});
      const auto weight = (routing.weights * hit).sum(1).index_select(0, rows).unsqueeze(1);
      out.index_add_(0, rows, as_type_of(y * as_type_of(weight, y), out));
      if (onlooker && rows.numel() > 0) routing.answers.push_back({number - 1, rows, y});
    }
    if (onlooker) onlooker(x, routing);
  }
  if (shared_.down.name.empty() || shared_.down.columns() == 0) return out;
  const auto y = run(shared_, x, {});
  if (!shared_gate_.defined()) return out + y;
  return out +
         rowwise(linear_rows(x, shared_gate_, {}), [](const Tensor& t) { return t.sigmoid(); }) * y;
}

void Experts::name_expert(std::vector<Model::Named>& all, Expert& e, int64_t number) {
  const auto place = at_ + form_.experts_at;
  const auto add = [&](Tensor& t, const std::string& name, const std::string& within) {
    Model::Named n{name, &t};
    n.expert = true;
    if (!within.empty()) n.within = place + within, n.place = number;
    all.push_back(std::move(n));
  };
  const auto weight = [&](Layer& l, const std::string& name, const std::string& within) {
    if (!l.low_rank.alone) add(l.weight, name + ".weight", within);
    if (!l.low_rank.u.defined()) return;
    add(l.low_rank.u, name + ".low_rank.u", "");
    add(l.low_rank.v, name + ".low_rank.v", "");
  };
  if (form_.stacked_in.empty()) {
    const auto at = fmt::format("{}{}.", place, number);
    weight(e.gate, at + form_.gate, "");
    weight(e.up, at + form_.up, "");
    weight(e.down, at + form_.down, "");
    return;
  }
  const auto in = place + part_of(form_.stacked_in, number);
  const auto out = place + part_of(form_.stacked_out, number);
  weight(e.gate_up, in, form_.stacked_in);
  add(e.gate_up.bias, in + ".bias", form_.bias_in);
  weight(e.down, out, form_.stacked_out);
  add(e.down.bias, out + ".bias", form_.bias_out);
}

/// Those that are left are numbered anew, as the router's rows are; the numbers behind are those of
/// the ones that went, so that every tensor keeps a name of its own.
void Experts::name_tensors(std::vector<Model::Named>& all) {
  const auto router = at_ + form_.router_name;
  all.push_back({router + ".weight", &router_});
  all.push_back({router + ".bias", &router_bias_});
  all.push_back({router + form_.router.correction, &correction_});
  all.push_back({router + ".group_of", &group_of_, false});
  all.push_back({router + ".alive", &alive, false});
  all.push_back({router + ".skip", &skip, false});
  all.push_back({router + ".constant_of", &constant_of, false});
  all.push_back({router + ".constants", &constants});
  int64_t left = 0, gone = static_cast<int64_t>(there().size());
  for (auto& e : experts_) name_expert(all, e, e.there() ? left++ : gone++);
  all.push_back({at_ + form_.shared_gate + ".weight", &shared_gate_});
  if (shared())
    for (Layer* l : shared_.layers()) name_layer(all, *l);
}

Group Experts::expert_group(int64_t block) {
  Group g{fmt::format("block.{}.experts", block), "expert", block, block, experts()};
  g.at_least = chosen();
  g.key = form_.experts_key;
  int64_t number = 0;
  for (Expert* e : there()) {
    for (Layer* l : e->layers()) {
      Slice s{l, Slice::Out, l->rows()};
      s.unit = number;
      g.slices.push_back(s);
    }
    ++number;
  }
  g.followers = {{&router_}, {&router_bias_}, {&correction_}, {&group_of_}, {&constant_of}};
  g.followers.push_back({&alive, Follower::Support});
  return g;
}

std::vector<Slice> Experts::neurons(Expert& e) const {
  if (e.gate_up.name.empty())
    return {{&e.gate, Slice::Out}, {&e.up, Slice::Out}, {&e.down, Slice::In}};
  const Slice both =
      form_.interleaved ? Slice{&e.gate_up, Slice::Out, 2} : Slice{&e.gate_up, Slice::Out, 1, 2};
  return {both, {&e.down, Slice::In}};
}

void Experts::neuron_groups(int64_t block, std::vector<Group>& all) {
  const auto add = [&](Expert& e, const std::string& name, const std::string& key) {
    Group g{fmt::format("block.{}.{}", block, name), "neuron", block, block, e.down.columns()};
    g.slices = neurons(e);
    g.key = key;
    all.push_back(std::move(g));
  };
  for (Expert* e : there()) add(*e, fmt::format("expert.{}", e->number), form_.neurons_key);
  if (shared() && shared_.down.columns() > 0) add(shared_, "shared", form_.shared_key);
}

std::vector<Slice> Experts::whole() {
  std::vector<Slice> all;
  for (Expert* e : there())
    for (Layer* l : e->layers()) all.push_back({l, Slice::Out, l->rows()});
  if (shared())
    for (const auto& s : neurons(shared_)) all.push_back(s);
  return all;
}

std::vector<Follower> Experts::whole_followers() {
  std::vector<Follower> all;
  for (Tensor* t : {&router_, &router_bias_, &correction_, &group_of_, &shared_gate_})
    if (t->defined()) all.push_back({t, Follower::Plain, t->size(0)});
  for (Expert* e : there())
    if (e->down.bias.defined())
      all.push_back({&e->down.bias, Follower::Zeroed, e->down.bias.size(0)});
  return all;
}

std::vector<Follower> Experts::stream_followers() {
  std::vector<Follower> all{
      {&router_, Follower::Affine, 1, 1, at_ + form_.router_name + ".weight"}};
  all.push_back({&constants, Follower::Affine, 1, 1});
  if (shared_gate_.defined())
    all.push_back({&shared_gate_, Follower::Affine, 1, 1, at_ + form_.shared_gate + ".weight"});
  return all;
}

}  // namespace bench
