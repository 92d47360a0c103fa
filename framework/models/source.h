#pragma once
#include <set>

#include "models/parts.h"

namespace bench {

/// A norm as all blocks of a family have it.
struct NormForm {
  enum Kind { Rms, Layer, LayerWithoutBias, Plain };  // Plain: a layer norm without tensors
  Kind kind = Rms;
  double eps = 1e-6;
  bool one_more = false;  // what multiplies is 1 + weight
};

/// A checkpoint as one family reads it, with a book of what was read. A key or a tensor that
/// transformers obeys and we do not would be another function, so finish() refuses what nobody
/// asked for and what is not known to change nothing.
class Source {
 public:
  explicit Source(const Checkpoint& checkpoint) : c_(checkpoint) {}

  /// A key with its fallback (null counts as absent); a wrong type is a sentence with the folder.
  template <class T>
  T get(const std::string& key, T fallback) {
    keys_.insert(key);
    return setting<T>(c_, key.c_str(), fallback);
  }
  template <class T>
  T get(const std::string& key) {
    keys_.insert(key);
    return setting<T>(c_, key.c_str());
  }
  /// The first of several spellings that is there; an Error names them all, and two that say
  /// different things.
  int64_t size(const std::vector<std::string>& spellings);
  /// A key that must have this value where it is there: nothing else is built.
  template <class T>
  void only(const std::string& key, T value) {
    if (get<T>(key, value) != value) refuse(key);
  }
  bool has(const std::string& key) const { return c_.config.contains(key); }
  [[noreturn]] void refuse(const std::string& key) const;
  /// Keys that change nothing, or that the weights' own sizes say again.
  void inert(const std::vector<std::string>& keys) { keys_.insert(keys.begin(), keys.end()); }

  const nlohmann::json& config() const { return c_.config; }
  const std::string& type() const { return c_.model_type(); }
  std::string where() const { return c_.folder.string(); }

  /// Tensors whose names begin so are no part of what is computed here.
  void skip(const std::string& prefix);
  Tensor take(const std::string& name);     // an Error if it is not there
  Tensor take_if(const std::string& name);  // undefined if it is not there
  /// A weight with its bias exactly where the config says that there is one.
  Layer layer(const std::string& name, bool bias);
  /// The same of a Conv1D of transformers, which keeps [in, out].
  Layer conv1d(const std::string& name, bool bias);
  Norm layer_norm(const std::string& name, double eps, bool affine = true);
  Norm rms_norm(const std::string& name, double eps);
  Norm norm(const std::string& name, const NormForm& form);
  void expect(const Tensor& t, const std::string& name, at::IntArrayRef shape) const {
    expect_shape(c_, t, name, shape);
  }

  /// A number of config.json against what a tensor says; they contradict: an Error that names both.
  /// Blocks of a compact folder have widths of their own.
  void agree(const std::string& key, int64_t of_tensor, const std::string& tensor);
  bool compact() const { return c_.config.is_object() && c_.config.contains("prunebench"); }

  /// `buffers`: ends of the names of tensors that older versions stored and that change nothing.
  void finish(const std::vector<std::string>& buffers = {}) const;

 private:
  const Checkpoint& c_;
  std::set<std::string> keys_, tensors_;
};

}  // namespace bench
