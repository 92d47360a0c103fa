#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <type_traits>

#include "base/error.h"
#include "hydra/interpolation/interpolation.h"
#include "hydra/yaml/scalar.h"
#include "hydra/yaml/yaml.h"
#include "hydra/yaml/yaml_text.h"

namespace bench {
namespace {

const std::string kCore = "tag:yaml.org,2002:";

/// Builds a Value from yaml-cpp's events, so that tags, anchors and lines are all seen; its node
/// API shares nodes between aliases, keeps duplicate keys and does not merge `<<`.
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& text, const std::string& file) : text_(text), file_(file) {}

  Value root;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++) error(mark, "a second document starts here; a config is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto at = static_cast<size_t>(mark.pos);
    const auto wrong = property_problem(text_, at, in_flow());
    if (!wrong.empty()) error(mark, wrong);
    const char c = at < text_.size() ? text_[at] : '\0';
    if (in_flow_list() && (c == ',' || c == ']')) error(mark, "an element is missing here");
    count(mark, 1, 1);
    Value value = at_mark(mark, [&] { return empty_scalar(properties(text_, at)); });
    if (key_expected() && value.is_null())
      error(mark, "Incompatible key type 'null'; a key needs a text");
    put(mark, std::move(value), anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end() || !it->second.complete)
      error(mark, "this alias is inside its own anchor; recursive aliases are not supported");
    const auto& [value, nodes, complete] = it->second;
    count(mark, nodes, 0);
    copied_ += bytes_of(value);
    if (copied_ > kYamlMaxBytes * 8)
      error(mark, fmt::format("its aliases copy more than {} bytes; write the text once",
                              kYamlMaxBytes * 8));
    put(mark, value, 0, nodes);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& parsed) override {
    const auto at = scalar_start(text_, static_cast<size_t>(mark.pos));
    const auto wrong = property_problem(text_, static_cast<size_t>(mark.pos), in_flow());
    if (!wrong.empty()) error(mark, wrong);
    if (tag == "?" && in_flow() && at < text_.size() && (text_[at] == ':' || text_[at] == '?'))
      error(mark, "a text in brackets may not begin with ':' or '?'; quote it");
    const auto problem =
        scalar_problem(text_, at, !frames_.empty() && frames_.back().block, key_expected());
    if (!problem.empty()) error(mark, problem);
    const auto text = at_mark(mark, [&] {
      return scalar_text(text_, at, parsed, frames_.empty() ? -1 : frames_.back().column);
    });
    merge_key_ = tag == "?" && key_expected() && text == "<<";
    Value value = merge_key_ ? Value("<<") : typed(mark, tag, text);
    count(mark, 1, 1);
    if (!key_expected() && value.is_string())
      at_mark(mark, [&] { check_interpolation_syntax(value.string()); });
    put(mark, std::move(value), anchor, 1);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    start(mark, tag, "seq", Value(Value::List{}), anchor, style);
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    start(mark, tag, "map", Value(Value::Map{}), anchor, style);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Frame {
    Value value;
    Value::Map merged;  // what `<<` brings, before the map's own keys
    std::optional<Value> key;
    std::map<std::pair<Value::Entry::Kind, std::string>, int> lines;  // of the keys so far
    bool key_is_merge = false, block = false, flow = false;
    YAML::anchor_t anchor = 0;
    int nodes = 1, column = -1;
    Origin origin;
  };
  struct Anchored {
    Value value;
    int nodes = 0;
    bool complete = false;
  };

  [[noreturn]] void error(const YAML::Mark& mark, const std::string& what) const {
    fail("{}:{}: {}", file_, mark.line + 1, what);
  }

  static size_t bytes_of(const Value& v) {
    if (v.is_string()) return v.string().size();
    size_t all = 0;
    if (v.is_list())
      for (const auto& item : v.list()) all += bytes_of(item);
    if (v.is_map())
      for (const auto& e : v.map()) all += e.key.size() + bytes_of(e.value);
    return all;
  }

  bool key_expected() const {
    return !frames_.empty() && frames_.back().value.is_map() && !frames_.back().key;
  }

  bool in_flow() const { return !frames_.empty() && frames_.back().flow; }
  bool in_flow_list() const { return in_flow() && frames_.back().value.is_list(); }

  void count(const YAML::Mark& mark, int nodes, int unique) {
    expanded_ += nodes;
    unique_ += unique;
    if (expanded_ > kYamlMaxNodes)
      error(mark, fmt::format("the document has more than {} nodes (aliases expanded); split it, "
                              "or write long lists as range(...)",
                              kYamlMaxNodes));
    if (expanded_ > 1000 && nodes > 1) suspicious_ = true;
    last_ = mark;
  }

  /// What a helper throws gets its file and line here.
  template <class F>
  std::invoke_result_t<F> at_mark(const YAML::Mark& mark, F call) const {
    try {
      return call();
    } catch (const Error& e) {
      error(mark, e.what());
    }
  }

  Value typed(const YAML::Mark& mark, const std::string& tag, const std::string& text) const {
    const bool bare = is_bare_tag(mark, tag);
    if (bare && text.empty()) return text;
    if ((tag == "?" || bare) && !key_expected() && (text == "=" || text == "<<"))
      error(mark, "a lone '" + text + "' has no value in YAML 1.1; quote it");
    return at_mark(mark, [&] { return tagged_scalar(bare ? "?" : tag, text); });
  }

  /// A written `!` leaves the type to the text, as none does (libyaml parser.c); quoted texts come
  /// with the same tag, but without it in the file.
  bool is_bare_tag(const YAML::Mark& mark, const std::string& tag) const {
    const auto at = static_cast<size_t>(mark.pos);
    return (tag == "!" || tag == kCore) && at < text_.size() && text_[at] == '!';
  }

  void start(const YAML::Mark& mark, const std::string& tag, const char* kind, Value empty,
             YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
    const auto wrong = property_problem(text_, static_cast<size_t>(mark.pos), in_flow());
    if (!wrong.empty()) error(mark, wrong);
    if (key_expected()) error(mark, "a list or map cannot be a key; quote the text");
    if (!tag.empty() && tag != "?" && tag != "!" && tag != kCore + kind)
      error(mark, fmt::format("unknown tag '{}'", tag));
    if (frames_.size() >= static_cast<size_t>(kYamlMaxDepth))
      error(mark, fmt::format("nested more than {} deep", kYamlMaxDepth));
    count(mark, 1, 1);
    if (anchor) anchors_[anchor] = {};
    Frame frame;
    frame.value = std::move(empty);
    frame.anchor = anchor;
    frame.block = style == YAML::EmitterStyle::Block && frame.value.is_map();
    frame.flow = style == YAML::EmitterStyle::Flow;
    frame.column = mark.column;
    frame.origin = {file_, mark.line + 1};
    frames_.push_back(std::move(frame));
  }

  void end() {
    Frame done = std::move(frames_.back());
    frames_.pop_back();
    if (!done.merged.empty()) {
      Value::Map own = std::move(done.value.map());
      done.value.map() = std::move(done.merged);
      for (auto& entry : own) place(done.value.map(), std::move(entry));
    }
    YAML::Mark mark;
    mark.line = done.origin.line - 1;
    put(mark, std::move(done.value), done.anchor, done.nodes);
  }

  /// As a Python dict does: a known key keeps its place and gets the new value.
  static void place(Value::Map& map, Value::Entry entry) {
    for (auto& old : map)
      if (old.key == entry.key && old.kind == entry.kind) {
        old.value = std::move(entry.value);
        return;
      }
    map.push_back(std::move(entry));
  }

  void put(const YAML::Mark& mark, Value value, YAML::anchor_t anchor, int nodes) {
    if (value.origin.line == 0 || anchor == 0) value.origin = {file_, mark.line + 1};
    if (anchor) anchors_[anchor] = {value, nodes, true};
    if (frames_.empty()) {
      root = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    frame.nodes += nodes;
    if (frame.value.is_list()) {
      frame.value.list().push_back(std::move(value));
    } else if (!frame.key) {
      frame.key = std::move(value);
      frame.key_is_merge = merge_key_;
      if (!frame.key_is_merge) check_duplicate(mark, frame);
    } else {
      if (frame.key_is_merge)
        merge(mark, frame, value);
      else
        frame.value.map().push_back(make_entry(*frame.key, std::move(value)));
      frame.key.reset();
      frame.key_is_merge = merge_key_ = false;
    }
  }

  void check_duplicate(const YAML::Mark& mark, Frame& frame) const {
    if (frame.key->is_null())
      error(mark, "Incompatible key type 'null'; quote it if the text is meant");
    const auto key = make_entry(*frame.key, Value());
    const auto [old, is_new] = frame.lines.emplace(std::pair(key.kind, key.key), mark.line + 1);
    if (!is_new)
      error(mark, fmt::format("found duplicate key {}; it was first given in line {}", key.key,
                              old->second));
  }

  /// `<<` (PyYAML constructor.py, flatten_mapping): the map's own keys win; of a list, earlier
  /// maps.
  void merge(const YAML::Mark& mark, Frame& frame, const Value& value) {
    if (value.is_map()) {
      for (const auto& entry : value.map()) place(frame.merged, entry);
    } else if (value.is_list()) {
      for (auto it = value.list().rbegin(); it != value.list().rend(); ++it) {
        if (!it->is_map()) error(mark, "expected a mapping for merging");
        for (const auto& entry : it->map()) place(frame.merged, entry);
      }
    } else {
      error(mark, "expected a mapping or list of mappings for merging");
    }
  }

 public:
  /// Aliases that expand a document a hundredfold are an attack (OmegaConf _yaml.py).
  void check_ratio() const {
    if (suspicious_ && expanded_ > 100 * unique_)
      error(last_, "aliases expand the document more than 100 times");
  }

 private:
  size_t copied_ = 0;  // bytes that aliases brought
  const std::string& text_;
  const std::string file_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  int documents_ = 0, expanded_ = 0, unique_ = 0;
  bool merge_key_ = false, suspicious_ = false;
  YAML::Mark last_;
};

}  // namespace

Value load_yaml(const std::string& given, const std::string& file_name) {
  const std::string text = checked_text(given, file_name);
  Builder builder(text, file_name);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    fail("{}:{}: no YAML: {}{}", file_name, e.mark.line + 1, e.msg,
         line_has_tab(text, e.mark.line) ? "; indent with blanks, this line has a tab" : "");
  }
  builder.check_ratio();
  Value root = std::move(builder.root);
  if (root.is_null()) root = Value(Value::Map{});
  if (root.is_string()) {
    const auto key = root.string();
    root.data = Value::Map{{key, Value()}};
  }
  if (!root.is_map() && !root.is_list())
    fail("{}:1: Invalid loaded object type: a config is a map or a list, not a lone {}", file_name,
         type_name(root));
  root.origin = {file_name, 1};
  return root;
}

}  // namespace bench
