#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/registry.h"
#include "core/accepts.h"
#include "core/model.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// One number that a task found, with everything that says what it means.
struct Metric {
  std::string task;  // "wikitext2@512", "arc_easy": windows are part of the name
  std::string name;  // "ppl", "acc", "acc_norm"
  double value = 0;
  double stderr_ = std::numeric_limits<double>::quiet_NaN();  // NaN: has none
  int64_t n = 0;                                              // windows, documents or images
  std::string unit;                                           // "perplexity", "share"
  std::string protocol;
  bool higher_is_better = true;
  std::vector<float> items;  // one score per item: what paired tests need
  /// Of the item list with its right answers: rows compare only where it is equal.
  std::string items_hash;
  bool directed = true;  // false: neither more nor less is better
};

/// "arc_easy-5shot-first100" -> "arc_easy": the data set that a name in tables claims to be of.
std::string data_set_of(std::string label);

/// What a task read for the numbers of one protocol: what rules of validity are checked against.
struct Evidence {
  std::string task, protocol;  // as in its metrics
  std::string name;            // the data set that they claim to be of: "wikitext2", "arc_easy"
  std::string file;            // what was read: shipped in data/, or a path
  std::string definition;      // the task's own file, where it has one
  std::string items;           // hash of the item list: equal items have equal evidence
  int64_t rows = 0;            // rows or documents of the whole file
  std::shared_ptr<const Tokenizer> tokenizer;  // null: images
  std::string variant;                         // of the tokenizer, as the protocol names it

  // Windows of text: how many, how long, how many were asked for (0: all), and out of how many ids.
  int64_t windows = 0, length = 0, limit = 0, ids = 0;
  std::string format, join;  // the text's assembly
  bool special = false;

  std::function<std::vector<std::string>()> texts;  // what was scored; may be empty
};

/// What a task may look at. Tokens that do not depend on the pruning come through `shared`, so that
/// trials of one model tokenise once.
struct TaskContext {
  Model& model;
  /// A tokenizer of the model in that variant; "auto" leaves it to the files.
  std::function<std::shared_ptr<const Tokenizer>(const std::string& variant)> tokenizer;
  /// get(key, make): the answer may have been made for an earlier trial of the same model.
  std::function<std::shared_ptr<const void>(const std::string& key,
                                            const std::function<std::shared_ptr<const void>()>&)>
      shared;
  std::function<void(int64_t done, int64_t of)> progress;  // may be empty
  int64_t batch_tokens = 4096;
  at::Device device = at::kCPU;
  std::function<void(const Evidence&)> evidence;  // may be empty; called once for each protocol
  std::function<std::unique_ptr<Model>()> dense;  // the model as it was before pruning, once more
  std::vector<int64_t> ends;  // ids that end a generated answer, by the model's files

  template <class T>
  std::shared_ptr<const T> once(const std::string& key,
                                const std::function<std::shared_ptr<const T>()>& make) const {
    if (!shared) return make();
    return std::static_pointer_cast<const T>(shared(key, [&] { return make(); }));
  }
};

/// One input as a task sends it to the model.
struct SentRequest {
  std::string protocol;
  int64_t item = 0;      // window, document or page: its number in the file
  std::string part;      // "choice 1", "window 0"; empty where an item is one request
  Sequence ids;          // cut to what the model takes
  int64_t scored = 0;    // how many of them, at the end, are predicted; 0: the answer is generated
  int64_t cut = 0;       // how many were cut off in front
  bool right = false;    // the choice that counts as right
  std::string left_out;  // why nothing is sent; empty: it is
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string context, continuation;  // the texts, where there are two
};
using SeeRequest = std::function<void(const SentRequest&)>;

/// Model in, metrics out.
class Task {
 public:
  virtual ~Task() = default;
  /// Missing data, unknown protocols: found while a sweep is planned.
  virtual void check() const {}
  /// Files that its numbers depend on: names of shipped data, or paths.
  virtual std::vector<std::string> files() const { return {}; }
  /// What goes into the models that it can measure.
  virtual Accepts accepts() const { return {.input = Input::Text}; }
  virtual std::vector<Metric> run(const TaskContext& context) const = 0;
  /// What run() sends, in its order, without running the model: of the first `items`, 0 for all.
  /// Tasks that send no text show nothing.
  virtual void requests(const TaskContext&, int64_t /*items*/, const SeeRequest&) const {}
  /// A small input of the task, the same whatever was pruned, on which two models are compared.
  /// Its ids and images are undefined where the task sends nothing. By default: the first tokens of
  /// the first request.
  virtual Batch probe(const TaskContext& context) const;
};

}  // namespace bench
