// Swin (Liu et al. 2021): transformers models/swin, timm models/swin_transformer.py, torchvision
// models/swin_transformer.py. Attention inside windows, in every second block of a stage shifted
// by half of one; between stages four pixels are merged into one. Chain: blocks and mergings; a
// merging stands where its library has it, which is the same place in the chain. Hidden states are
// [n, h, w, channels].
#include "models/decoder.h"
#include "models/library.h"

namespace bench {
namespace {

/// Names below a block, and what stands around the stages.
struct Names {
  std::string patches, patch_norm, norm, head;
  std::string before, after, up, down, o, table, qkv = {}, q = {}, k = {}, v = {};
};

Names names_of(Library library) {
  if (library == Library::Transformers) {
    const std::string self = "attention.self.";
    return {"swin.embeddings.patch_embeddings.projection",
            "swin.embeddings.norm",
            "swin.layernorm",
            "classifier",
            "layernorm_before",
            "layernorm_after",
            "intermediate.dense",
            "output.dense",
            "attention.output.dense",
            self + "relative_position_bias_table",
            "",
            self + "query",
            self + "key",
            self + "value"};
  }
  const bool timm = library == Library::Timm;
  return {timm ? "patch_embed.proj" : "features.0.0",
          timm ? "patch_embed.norm" : "features.0.2",
          "norm",
          timm ? "head.fc" : "head",
          "norm1",
          "norm2",
          timm ? "mlp.fc1" : "mlp.0",
          timm ? "mlp.fc2" : "mlp.3",
          "attn.proj",
          "attn.relative_position_bias_table",
          "attn.qkv"};
}

struct Block {
  Norm before, after;  // of a merging: `before` alone
  Layer q, k, v, qkv, o, up, down;
  Layer merge;   // four pixels into one; weight undefined: attention and MLP
  Tensor table;  // [(2 wh - 1) (2 ww - 1), heads]
  std::string table_name;
  int64_t wh = 0, ww = 0;
  bool shifted = false;
  bool merges() const { return merge.weight.defined(); }
  int64_t heads() const { return table.size(1); }
};

/// How a map is cut into windows: its padded size, the shift, and who does not see whom.
struct Cut {
  int64_t n, h, w, padded_h, padded_w, wh, ww, shift_h, shift_w;
  int64_t windows() const { return padded_h / wh * (padded_w / ww); }
  int64_t area() const { return wh * ww; }

  /// [n, h, w, c] -> [n * windows * area, c]
  Tensor apart(const Tensor& x) const {
    auto y = at::constant_pad_nd(x, {0, 0, 0, padded_w - w, 0, padded_h - h});
    if (shift_h || shift_w) y = y.roll({-shift_h, -shift_w}, {1, 2});
    return y.reshape({n, padded_h / wh, wh, padded_w / ww, ww, -1})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({n * windows() * area(), -1});
  }
  Tensor together(const Tensor& rows) const {
    auto y = rows.reshape({n, padded_h / wh, padded_w / ww, wh, ww, -1})
                 .permute({0, 1, 3, 2, 4, 5})
                 .reshape({n, padded_h, padded_w, -1});
    if (shift_h || shift_w) y = y.roll({shift_h, shift_w}, {1, 2});
    return y.slice(1, 0, h).slice(2, 0, w);
  }
  /// [windows, 1, area, area]: -100 between regions that a shift brought into one window.
  Tensor mask(const at::TensorOptions& options) const {
    auto region = at::zeros({padded_h, padded_w}, options);
    const auto mark = [&](int64_t dim, int64_t size, int64_t window, int64_t shift, int64_t by) {
      if (shift == 0) return;
      region.narrow(dim, size - window, window - shift).add_(by);
      region.narrow(dim, size - shift, shift).add_(2 * by);
    };
    mark(0, padded_h, wh, shift_h, 3);
    mark(1, padded_w, ww, shift_w, 1);
    const auto flat = region.reshape({padded_h / wh, wh, padded_w / ww, ww})
                          .permute({0, 2, 1, 3})
                          .reshape({windows(), area()});
    const auto other = flat.unsqueeze(1) != flat.unsqueeze(2);
    return (other.to(options.dtype()) * -100).unsqueeze(1);
  }
};

/// int64 [area * area]: which row of the table two places of a window have.
Tensor table_rows(int64_t wh, int64_t ww) {
  const auto y = at::arange(wh, at::kLong).repeat_interleave(ww);
  const auto x = at::arange(ww, at::kLong).repeat({wh});
  const auto dy = y.unsqueeze(1) - y.unsqueeze(0) + wh - 1;
  const auto dx = x.unsqueeze(1) - x.unsqueeze(0) + ww - 1;
  return (dy * (2 * ww - 1) + dx).flatten();
}

class Swin : public Decoder {
 public:
  Swin(const Checkpoint& whole, Source& c, Library library) : names_(names_of(library)) {
    scale_ = imagenet_scale(whole);
    eps_ = c.get("layer_norm_eps", 1e-5);
    act_ = activation(c.get<std::string>("hidden_act", "gelu"), c.where());
    both_axes_ = library == Library::Transformers;
    patches_ = take_patches(c, names_.patches);
    patches_.name_tensors(outer_);
    if (both_axes_ || c.take_if(names_.patch_norm + ".weight").defined()) {
      patch_norm_ = c.layer_norm(names_.patch_norm, eps_);
      outer_.push_back({names_.patch_norm + ".weight", &patch_norm_.weight});
      outer_.push_back({names_.patch_norm + ".bias", &patch_norm_.bias});
    }
    const auto positions =
        both_axes_ ? "swin.embeddings.position_embeddings" : "absolute_pos_embed";
    positions_ = c.take_if(positions);
    if (positions_.defined()) outer_.push_back({positions, &positions_});
    take_window(c);
    take_stages(c, library);
    norm_ = c.layer_norm(names_.norm, eps_);
    head_name_ = names_.head + ".weight";
    head_ = c.take(head_name_);
    head_bias_ = c.take_if(names_.head + ".bias");
    count_ = static_cast<int64_t>(blocks_.size());
    c.inert({"embed_dim", "depths", "num_heads", "mlp_ratio", "num_layers", "hidden_size",
             "qkv_bias", "use_absolute_embeddings", "patch_norm", "ape", "strict_img_size"});
  }

  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }

  Tensor stem(const Batch& batch) const override {
    auto images = scale_(batch.images);
    const auto p = patches_.conv.stride, h = images.size(2), w = images.size(3);
    images = at::constant_pad_nd(images, {0, (p - w % p) % p, 0, (p - h % p) % p});
    auto x = patches_(images).permute({0, 2, 3, 1}).contiguous();
    x = by_pixel(x, [&](const Tensor& t) { return patch_norm_(t); });
    if (!positions_.defined()) return x;
    if (positions_.size(1) != x.size(1) * x.size(2))
      fail("images of {}x{} give {} patches, where this model is made for {}", h, w,
           x.size(1) * x.size(2), positions_.size(1));
    return x + positions_.reshape({1, x.size(1), x.size(2), -1});
  }

  Tensor block(int64_t index, const Tensor& x, const Batch&) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    if (b.merges()) return merged(b, x);
    auto h = x;
    if (there(b.o)) h = h + attention(b, by_pixel(x, [&](const Tensor& t) { return b.before(t); }));
    if (!there(b.down)) return h;
    return by_pixel(h, [&](const Tensor& t) { return t + b.down(apply(act_, b.up(b.after(t)))); });
  }

  Tensor features(const Tensor& hidden, const Batch&) const override {
    return by_pixel(hidden, [&](const Tensor& t) { return norm_(t); }).mean({1, 2});
  }
  Classifier classifier() const override { return {head_, head_bias_}; }

  /// The stream has another width in each stage: no channels of it.
  std::vector<Group> groups(const std::string& kind) override {
    return kind == "hidden" ? std::vector<Group>() : Decoder::groups(kind);
  }

  std::vector<Named> tensors() override {
    auto all = Decoder::tensors();
    scale_.name_tensors(all);
    return all;
  }

 protected:
  Parts parts(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    Parts p;
    if (b.merges()) {
      p.layers = {&b.merge};
      p.norms = {&b.before};
      return p;
    }
    for (Layer* l : {&b.q, &b.k, &b.v, &b.qkv, &b.o, &b.up, &b.down})
      if (!l->name.empty()) p.layers.push_back(l);
    p.norms = {&b.before, &b.after};
    const auto d = b.heads() > 0 ? b.o.columns() / b.heads() : 1;
    p.head_dim = d;
    const Slice out{&b.o, Slice::In, d};
    if (b.qkv.name.empty())
      p.head = {{&b.q, Slice::Out, d}, out, {&b.v, Slice::Out, d}, {&b.k, Slice::Out, d}};
    else
      p.head = {{&b.qkv, Slice::Out, d, 3}, out};
    p.head_followers = {{&b.table, Follower::Plain, 1, 1}};
    p.others = {{b.table_name, &b.table}};
    p.neuron = {{&b.up, Slice::Out}, {&b.down, Slice::In}};
    p.attention_norm = &b.before, p.mlp_norm = &b.after;
    return p;
  }

  std::string fixed_stream() const override { return "it is no decoder"; }

 private:
  /// f over rows of pixels. x: [n, h, w, c].
  static Tensor by_pixel(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
    const auto y = f(x.reshape({-1, x.size(3)}));
    return y.reshape({x.size(0), x.size(1), x.size(2), -1});
  }

  void take_window(Source& c) {
    if (!c.has("window_size")) return;
    const auto& said = c.config().at("window_size");
    c.inert({"window_size"});
    if (said.is_array() && said.size() == 2 && said[0].is_number_integer())
      wh_ = said[0].get<int64_t>(), ww_ = said[1].get<int64_t>();
    else if (said.is_number_integer())
      wh_ = ww_ = said.get<int64_t>();
    else
      c.refuse("window_size");
  }

  void take_stages(Source& c, Library library) {
    const auto has = [&](const std::string& at) {
      return c.take_if(at + names_.before + ".weight").defined();
    };
    for (int64_t s = 0;; ++s) {
      const auto stage = library == Library::Transformers
                             ? fmt::format("swin.encoder.layers.{}.", s)
                         : library == Library::Timm ? fmt::format("layers.{}.", s)
                                                    : fmt::format("features.{}.", 2 * s + 1);
      const auto blocks = library == Library::Torchvision ? stage : stage + "blocks.";
      if (!has(blocks + "0.")) {
        if (s == 0) fail("{}: {}0.{}.weight is missing", c.where(), blocks, names_.before);
        return;
      }
      // timm merges at the beginning of a stage since 0.9, at its end before.
      const auto merge = stage + "downsample.";
      const bool first = library == Library::Timm && s > 0 &&
                         !c.take_if("layers.0.downsample.reduction.weight").defined();
      if (first && !take_merge(c, merge)) fail("{}: {}reduction is missing", c.where(), merge);
      for (int64_t i = 0; has(fmt::format("{}{}.", blocks, i)); ++i)
        blocks_.push_back(take_block(c, fmt::format("{}{}.", blocks, i), i % 2 == 1));
      if (library == Library::Torchvision)
        take_merge(c, fmt::format("features.{}.", 2 * s + 2));
      else if (!first)
        take_merge(c, merge);
    }
  }

  bool take_merge(Source& c, const std::string& at) {
    if (!c.take_if(at + "reduction.weight").defined()) return false;
    Block b;
    b.before = c.layer_norm(at + "norm", eps_);
    b.merge = c.layer(at + "reduction", false);
    blocks_.push_back(std::move(b));
    return true;
  }

  Block take_block(Source& c, const std::string& at, bool shifted) {
    Block b;
    b.before = c.layer_norm(at + names_.before, eps_);
    b.after = c.layer_norm(at + names_.after, eps_);
    const auto layer = [&](const std::string& name) {
      return c.layer(at + name, c.take_if(at + name + ".bias").defined());
    };
    if (names_.qkv.empty())
      b.q = layer(names_.q), b.k = layer(names_.k), b.v = layer(names_.v);
    else
      b.qkv = layer(names_.qkv);
    b.o = layer(names_.o), b.up = layer(names_.up), b.down = layer(names_.down);
    b.table_name = at + names_.table;
    b.table = c.take(b.table_name);
    // A constant that some files hold.
    c.take_if(b.table_name.substr(0, b.table_name.rfind("bias_table")) + "index");
    const auto rows = b.table.size(0);
    const auto side = (static_cast<int64_t>(std::lround(std::sqrt(rows))) + 1) / 2;
    b.wh = b.ww = side;
    if ((2 * wh_ - 1) * (2 * ww_ - 1) == rows) b.wh = wh_, b.ww = ww_;
    if ((2 * b.wh - 1) * (2 * b.ww - 1) != rows)
      fail("{}: {} has {} rows, which is no window's", c.where(), b.table_name, rows);
    if (b.heads() > 0 && b.o.columns() % b.heads() != 0)
      fail("{}: {} does not split into the {} heads of {}", c.where(), b.o.weight_name(), b.heads(),
           b.table_name);
    b.shifted = shifted;
    return b;
  }

  Cut cut_of(const Block& b, const Tensor& x) const {
    const auto up = [](int64_t size, int64_t window) {
      return (size + window - 1) / window * window;
    };
    Cut c{x.size(0), x.size(1), x.size(2), up(x.size(1), b.wh), up(x.size(2), b.ww), b.wh,
          b.ww,      0,         0};
    if (!b.shifted) return c;
    // None along an axis that one window covers; transformers: along neither, if along one.
    const bool covers_h = b.wh >= c.padded_h, covers_w = b.ww >= c.padded_w;
    if (both_axes_ && (covers_h || covers_w)) return c;
    c.shift_h = covers_h ? 0 : b.wh / 2;
    c.shift_w = covers_w ? 0 : b.ww / 2;
    return c;
  }

  Tensor attention(const Block& b, const Tensor& x) const {
    const auto cut = cut_of(b, x);
    const auto rows = cut.apart(x);
    const auto heads = b.heads(), area = cut.area();
    Tensor q, k, v;
    if (b.qkv.name.empty()) {
      q = b.q(rows), k = b.k(rows), v = b.v(rows);
    } else {
      const auto parts = b.qkv(rows).chunk(3, 1);
      q = parts[0], k = parts[1], v = parts[2];
    }
    const auto bias = b.table.index_select(0, table_rows(b.wh, b.ww).to(b.table.device()))
                          .reshape({area, area, heads})
                          .permute({2, 0, 1});
    const bool shifts = cut.shift_h || cut.shift_w;
    const auto mask = shifts ? cut.mask(x.options()) : Tensor();
    const double scale = 1 / std::sqrt(static_cast<double>(b.o.columns() / heads));
    // The windows of the images [from, to): each product sees one image's windows.
    const auto attend = [&](int64_t from, int64_t to) {
      const auto part = [&](const Tensor& t) {
        const auto each = cut.windows() * area;
        return t.narrow(0, from * each, (to - from) * each)
            .reshape({(to - from) * cut.windows(), area, heads, -1})
            .transpose(1, 2);
      };
      auto scores = at::matmul(part(q) * scale, part(k).transpose(2, 3)) + bias;
      if (shifts) scores = scores + mask.repeat({to - from, 1, 1, 1});
      return at::matmul(scores.softmax(-1), part(v)).transpose(1, 2).reshape({-1, b.o.columns()});
    };
    return cut.together(b.o(each_image(cut.n, x, attend)));
  }

  /// One image a thread, so that its bits depend on nothing else.
  static Tensor each_image(int64_t n, const Tensor& like,
                           const std::function<Tensor(int64_t, int64_t)>& f) {
    if (!like.is_cpu() || at::GradMode::is_enabled()) return f(0, n);
    std::vector<Tensor> all(static_cast<size_t>(n));
    at::parallel_for(0, n, 1, [&](int64_t from, int64_t to) {
      at::NoGradGuard no_grad;
      for (int64_t i = from; i < to; ++i) all[static_cast<size_t>(i)] = f(i, i + 1);
    });
    return at::cat(all);
  }

  Tensor merged(const Block& b, const Tensor& x) const {
    const auto y = at::constant_pad_nd(x, {0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2});
    const auto part = [&](int64_t row, int64_t column) {
      return y.slice(1, row, y.size(1), 2).slice(2, column, y.size(2), 2);
    };
    const auto four = at::cat({part(0, 0), part(1, 0), part(0, 1), part(1, 1)}, 3);
    return by_pixel(four, [&](const Tensor& t) { return b.merge(b.before(t)); });
  }

  Names names_;
  Patches patches_;
  ImageScale scale_;
  Norm patch_norm_;
  Tensor positions_;
  std::vector<Block> blocks_;
  int64_t wh_ = 0, ww_ = 0;
  double eps_ = 1e-5;
  bool both_axes_ = false;
  Activation act_ = nullptr;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  const auto library = c.tensors.contains("patch_embed.proj.weight") ? Library::Timm
                       : c.tensors.contains("features.0.0.weight")   ? Library::Torchvision
                                                                     : Library::Transformers;
  LibraryCheckpoint from(c, library);
  return build_from<Swin>(c, from, {"relative_position_index"});
}

[[maybe_unused]] const bool registered = enroll_model(
    "swin", {make, {"head", "neuron", "attention", "mlp", "block"}, true, {}, false, true});

}  // namespace
}  // namespace bench
