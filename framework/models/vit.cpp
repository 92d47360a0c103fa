// Vision transformers (Dosovitskiy et al. 2021) and DeiT with its second token (Touvron et al.
// 2021): transformers models/vit and models/deit, timm models/vision_transformer.py and deit.py,
// torchvision models/vision_transformer.py. Blocks are a Plan; what differs is how images become
// rows and what the classes are read from.
#include "models/library.h"
#include "models/transformer.h"

namespace bench {
namespace {

/// Names beside the blocks.
struct Ends {
  std::string patches, classes, second, positions, norm, head;
  std::string second_head = {};  // DeiT's, averaged with `head`
};

Ends ends_of(Source& c, Library library) {
  if (library == Library::Timm)
    return {"patch_embed.proj", "cls_token", "dist_token", "pos_embed", "norm", "head",
            "head_dist"};
  if (library == Library::Torchvision)
    return {"conv_proj", "class_token", "", "encoder.pos_embedding", "encoder.ln", "heads.head"};
  const auto at = c.type() + ".";
  Ends e{at + "embeddings.patch_embeddings.projection",
         at + "embeddings.cls_token",
         "",
         at + "embeddings.position_embeddings",
         at + "layernorm",
         "classifier"};
  if (c.type() == "deit") {
    e.second = at + "embeddings.distillation_token";
    if (c.take_if("cls_classifier.weight").defined())
      e.head = "cls_classifier", e.second_head = "distillation_classifier";
  }
  return e;
}

/// One fused projection and plain names, as timm and torchvision have them.
Plan fused_plan(Plan p, const std::string& qkv, const std::string& o, const std::string& norms) {
  p.qkv = qkv, p.o = o;
  p.fused = Fused::Stretches;
  p.attention_norm = norms + "1", p.mlp_norm = norms + "2";
  return p;
}

Plan timm_plan(Source& c, Plan p) {
  p = fused_plan(std::move(p), "attn.qkv", "attn.proj", "norm");
  p.block = "blocks";
  p.up = "mlp.fc1", p.down = "mlp.fc2";
  p.neurons_key = "";
  p.qkv_bias = c.take_if("blocks.0.attn.qkv.bias").defined();
  p.o_bias = c.take_if("blocks.0.attn.proj.bias").defined();
  if (c.get("qk_norm", c.take_if("blocks.0.attn.q_norm.weight").defined()))
    p.qk_norm = QkNorm::Shared;
  p.qk_form = p.norm;
  p.q_norm = "attn.q_norm", p.k_norm = "attn.k_norm";
  if (c.take_if("blocks.0.ls1.gamma").defined())
    p.attention_scale = "ls1.gamma", p.mlp_scale = "ls2.gamma";
  c.inert({"init_values", "qkv_bias", "mlp_ratio", "class_token", "weight_init", "fix_init",
           "dynamic_img_size", "dynamic_img_pad", "reg_tokens", "proj_bias", "depth", "pre_norm"});
  p.act = activation(c.get<std::string>("act_layer", "gelu"), c.where());
  return p;
}

Plan torchvision_plan(Source& c, Plan p) {
  p = fused_plan(std::move(p), "self_attention.in_proj", "self_attention.out_proj", "ln_");
  p.block = "encoder.layers.encoder_layer_";
  p.up = "mlp.0", p.down = "mlp.3";
  p.neurons_key = "mlp_dim";
  c.inert({"num_layers"});
  return p;
}

Plan transformers_plan(Source& c, Plan p) {
  p.block = c.type() + ".encoder.layer";
  p.attention_norm = "layernorm_before", p.mlp_norm = "layernorm_after";
  const std::string at = "attention.attention.";
  p.q = at + "query", p.k = at + "key", p.v = at + "value", p.o = "attention.output.dense";
  p.up = "intermediate.dense", p.down = "output.dense";
  p.qkv_bias = c.get("qkv_bias", true);
  p.norm.eps = c.get("layer_norm_eps", 1e-12);
  p.act = activation(c.get<std::string>("hidden_act", "gelu"), c.where());
  c.inert({"num_hidden_layers", "use_mask_token"});
  return p;
}

Plan plan_of(Source& c, Library library, int64_t hidden) {
  Plan p;
  p.embed = p.gate = p.last_norm = "";
  p.hidden = hidden;
  p.norm = {NormForm::Layer, 1e-6};
  p.act = activation("gelu", c.where());
  p.qkv_bias = p.o_bias = p.mlp_bias = true;
  p.sees_all = true;
  p = library == Library::Timm          ? timm_plan(c, std::move(p))
      : library == Library::Torchvision ? torchvision_plan(c, std::move(p))
                                        : transformers_plan(c, std::move(p));
  // Files without a config: all published networks but one have heads of 64.
  const auto dim = c.get<int64_t>("hidden_size", c.get("embed_dim", c.get("hidden_dim", hidden)));
  p.head_dims = p.qk_norm == QkNorm::None;
  p.heads = library == Library::Transformers
                ? c.size({"num_attention_heads"})
                : c.get<int64_t>("num_heads", dim == 1280 ? 16 : dim / 64);
  if (p.heads <= 0 || dim % p.heads != 0)
    fail("{}: a width of {} does not split into {} heads; config.json needs num_heads", c.where(),
         dim, p.heads);
  p.kv_heads = p.heads;
  p.head_dim = dim / p.heads;
  while (c.take_if(p.at(p.blocks) + p.attention_norm + ".weight").defined()) ++p.blocks;
  for (const char* key : {"num_hidden_layers", "depth", "num_layers"})
    c.agree(key, p.blocks, p.block);
  if (p.blocks == 0) fail("{}: {}.0 is missing", c.where(), p.block);
  return p;
}

class Vit : public Transformer {
 public:
  Vit(const Checkpoint& whole, Source& c, Library library)
      : Vit(whole, c, library, ends_of(c, library)) {}

  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }

  Tensor stem(const Batch& batch) const override {
    const auto map = patches_(scale_(batch.images));
    const auto n = map.size(0);
    auto x = map.flatten(2).transpose(1, 2);
    const auto places = positions_.defined() ? positions_.size(1) : 0;
    const auto all = x.size(1) + (patches_alone_ ? 0 : prefix());
    if (positions_.defined() && places != all)
      fail("images of {}x{} give {} tokens, where this model is made for {}", batch.images.size(2),
           batch.images.size(3), all, places);
    if (positions_.defined() && patches_alone_) x = x + positions_;
    std::vector<Tensor> rows;
    for (const Tensor* t : {&classes_, &second_, &registers_})
      if (t->defined()) rows.push_back(t->expand({n, -1, -1}));
    rows.push_back(x);
    x = at::cat(rows, 1);
    if (positions_.defined() && !patches_alone_) x = x + positions_;
    return first_norm_(x.reshape({-1, x.size(2)}));
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    Batch rows;
    const auto n = batch.images.size(0);
    for (int64_t i = 0; i <= n; ++i) rows.starts.push_back(i * (x.size(0) / n));
    return Transformer::block(index, x, rows);
  }

  Tensor features(const Tensor& hidden, const Batch& batch) const override {
    const auto x = hidden.reshape({batch.images.size(0), -1, hidden.size(1)});
    if (second_head_.weight.defined()) {
      const auto first = norm_(x.select(1, 0).contiguous());
      const auto second = norm_(x.select(1, 1).contiguous());
      return (linear_rows(first, head_, head_bias_) + second_head_(second)) / 2;
    }
    if (!averages_) return ended(fc_norm_(norm_(x.select(1, 0).contiguous())));
    const auto patches =
        norm_(x.slice(1, prefix()).reshape({-1, x.size(2)})).reshape({x.size(0), -1, x.size(2)});
    return ended(fc_norm_(patches.mean(1)));
  }

  Classifier classifier() const override {
    if (second_head_.weight.defined() || !head_.defined()) return {};
    return {head_, head_bias_};
  }

  std::vector<Named> tensors() override {
    auto all = Transformer::tensors();
    scale_.name_tensors(all);
    return all;
  }

 protected:
  std::vector<Follower> outer_hidden() override {
    auto all = patches_.followers();
    for (auto& t : outer_)
      if (t.tensor->dim() == 3 && t.tensor->defined())
        all.push_back({t.tensor, Follower::Affine, 1, 2});  // no weight
    for (Layer* l : {&second_head_, &pre_logits_})
      if (l->weight.defined())
        all.push_back({&l->weight, Follower::Affine, 1, 1, l->weight_name()});
    Group norms;
    for (Norm* n : {&first_norm_, &fc_norm_})
      if (!n->name.empty()) follow(norms, *n);
    for (auto& f : norms.followers) all.push_back(std::move(f));
    return all;
  }

 private:
  Vit(const Checkpoint& whole, Source& c, Library library, const Ends& e)
      : Vit(whole, c, library, e, take_patches(c, e.patches)) {}

  Vit(const Checkpoint& whole, Source& c, Library library, const Ends& e, Patches patches)
      : Transformer(c, plan_of(c, library, patches.conv.rows())), patches_(std::move(patches)) {
    scale_ = library == Library::Torchvision || c.type() == "deit"
                 ? imagenet_scale(whole)
                 : stated_scale(whole, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5});
    take_tokens(c, library, e);
    take_end(c, library, e);
  }

  void take_tokens(Source& c, Library library, const Ends& e) {
    const auto take = [&](Tensor& to, const std::string& name) {
      to = c.take_if(name);
      if (!to.defined()) return;
      if (to.dim() == 2) to = to.unsqueeze(0);
      if (to.dim() != 3 || to.size(2) != patches_.conv.rows())
        fail("{}: {} does not run along a stream of {}", c.where(), name, patches_.conv.rows());
      outer_.push_back({name, &to});
    };
    take(classes_, e.classes);
    if (!e.second.empty()) take(second_, e.second);
    take(positions_, e.positions);
    if (library == Library::Timm) {
      take(registers_, "reg_token");
      patches_alone_ = c.get("no_embed_class", false);
      if (c.get<std::string>("pos_embed", "learn") != "learn" && positions_.defined())
        c.refuse("pos_embed");
      if (c.take_if("norm_pre.weight").defined()) first_norm_ = take_norm_of(c, "norm_pre");
    }
    patches_.name_tensors(outer_);
  }

  void take_end(Source& c, Library library, const Ends& e) {
    const auto pool = library == Library::Timm ? c.get<std::string>("global_pool", "token")
                                               : std::string("token");
    averages_ = pool == "avg";
    if (!averages_ && pool != "token") c.refuse("global_pool");
    const bool behind = library == Library::Timm && c.get("fc_norm", averages_);
    if (c.get("final_norm", true)) {
      if (behind)
        fc_norm_ = take_norm_of(c, "fc_norm");
      else
        norm_ = c.norm(e.norm, plan_.norm);
    }
    if (!averages_ && !classes_.defined())
      fail("{}: {} is missing, from which the classes are read", c.where(), e.classes);
    if (library == Library::Torchvision && c.take_if("heads.pre_logits.weight").defined()) {
      pre_logits_ = c.layer("heads.pre_logits", true);
      c.agree("representation_size", pre_logits_.rows(), "heads.pre_logits.weight");
      last_ = c.layer(e.head, true);
      name_layer(outer_, pre_logits_);
      name_layer(outer_, last_);
      return;
    }
    head_name_ = e.head + ".weight";
    head_ = c.take(head_name_);
    head_bias_ = c.take_if(e.head + ".bias");
    if (library == Library::Transformers) c.skip(c.type() + ".pooler.");
    if (e.second_head.empty() || !c.take_if(e.second_head + ".weight").defined()) return;
    second_head_ = c.layer(e.second_head, true);
    name_layer(outer_, second_head_);
    if (!second_.defined()) fail("{}: {} is missing", c.where(), e.second);
  }

  Norm take_norm_of(Source& c, const std::string& name) {
    auto n = c.norm(name, plan_.norm);
    Norm& to = name == "fc_norm" ? fc_norm_ : first_norm_;
    outer_.push_back({name + ".weight", &to.weight});
    outer_.push_back({name + ".bias", &to.bias});
    outer_.push_back({name + ".alive", &to.alive, false});
    return n;
  }

  Tensor ended(const Tensor& x) const {
    return pre_logits_.weight.defined() ? last_(at::tanh(pre_logits_(x))) : x;
  }

  /// Tokens in front of the patches.
  int64_t prefix() const {
    int64_t n = 0;
    for (const Tensor* t : {&classes_, &second_, &registers_})
      if (t->defined()) n += t->size(1);
    return n;
  }

  Patches patches_;
  ImageScale scale_;
  Tensor classes_, second_, registers_;  // [1, tokens, hidden]
  Tensor positions_;                     // [1, places, hidden]
  Norm first_norm_, fc_norm_;
  Layer second_head_, pre_logits_, last_;  // last_: behind pre_logits_
  bool averages_ = false, patches_alone_ = false;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  const auto library = c.tensors.contains("patch_embed.proj.weight") ? Library::Timm
                       : c.tensors.contains("conv_proj.weight")      ? Library::Torchvision
                                                                     : Library::Transformers;
  LibraryCheckpoint from(c, library);
  // A linear layer's tensors are called NAME.weight here; older files of torchvision name the MLP's
  // layers.
  for (const char* what : {"weight", "bias"}) {
    from.rename_ends(fmt::format("self_attention.in_proj_{}", what),
                     fmt::format("self_attention.in_proj.{}", what));
    from.rename_ends(fmt::format("mlp.linear_1.{}", what), fmt::format("mlp.0.{}", what));
    from.rename_ends(fmt::format("mlp.linear_2.{}", what), fmt::format("mlp.3.{}", what));
  }
  return build_from<Vit>(c, from);
}

ModelFamily family() {
  auto kinds = decoder_kinds(false);
  kinds.emplace_back("head_dim");
  return {make, kinds, true, {"intermediate_size", "", "", ""}, false, true};
}
[[maybe_unused]] const bool vit = enroll_model("vit", family());
[[maybe_unused]] const bool deit = enroll_model("deit", family());

}  // namespace
}  // namespace bench
