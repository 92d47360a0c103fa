// The pickle machine for data alone: Lib/pickle.py and pickletools.py of CPython name the opcodes.
#include "io/pickle.h"

#include <bit>
#include <cstring>
#include <set>

#include "base/error.h"

namespace bench {

const PickleNode* PickleNode::get(const std::string& key) const {
  if (kind != Dict) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i]->kind == Text && items[i]->text == key) return items[i + 1];
  return nullptr;
}

class PickleMachine {
 public:
  PickleMachine(Pickle& out, const uint8_t* data, uint64_t size, std::string where)
      : out_(out), data_(data), size_(size), where_(std::move(where)) {}

  void run() {
    while (true) {
      const auto op = byte();
      if (op == '.') break;
      if (constant(op) || container(op) || memory(op) || object(op)) continue;
      refuse(fmt::format("opcode 0x{:02x}", op));
    }
    out_.root_ = pop();
    out_.at_ = at_;
  }

 private:
  using Node = PickleNode;
  static constexpr size_t kNodes = size_t{1} << 22;

  [[noreturn]] void refuse(const std::string& what) const {
    fail(
        "{}: holds {} at byte {} of a pickle: only tensors, numbers, texts and containers are "
        "read, and no code of a file is ever run; save the state_dict alone (torch.save), or as "
        "safetensors",
        where_, what, at_);
  }
  [[noreturn]] void broken(const char* what) const {
    fail("{}: is no whole pickle: {} at byte {}", where_, what, at_);
  }

  uint64_t left() const { return size_ - at_; }
  uint8_t byte() {
    if (left() < 1) broken("it ends");
    return data_[at_++];
  }
  uint64_t little(int bytes) {
    if (left() < static_cast<uint64_t>(bytes)) broken("it ends");
    uint64_t v = 0;
    for (int i = 0; i < bytes; ++i) v |= uint64_t{data_[at_ + static_cast<uint64_t>(i)]} << (8 * i);
    at_ += static_cast<uint64_t>(bytes);
    return v;
  }
  std::string bytes(uint64_t n) {
    if (left() < n) broken("a text leaves it");
    std::string s(reinterpret_cast<const char*>(data_ + at_), n);
    at_ += n;
    return s;
  }
  std::string line() {
    std::string s;
    for (uint8_t c; (c = byte()) != '\n';) s += static_cast<char>(c);
    return s;
  }

  Node* make(Node::Kind kind) {
    if (out_.nodes_.size() >= kNodes) refuse("more than four million values");
    out_.nodes_.push_back(std::make_unique<Node>());
    out_.nodes_.back()->kind = kind;
    return out_.nodes_.back().get();
  }
  void push(Node* n) { stack_.push_back(n); }
  void push_int(int64_t v, Node::Kind kind = Node::Int) {
    auto* n = make(kind);
    n->number = v;
    push(n);
  }
  void push_text(std::string s) {
    auto* n = make(Node::Text);
    n->text = std::move(s);
    push(n);
  }
  Node* pop() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) broken("a value is missing");
    auto* n = stack_.back();
    stack_.pop_back();
    return n;
  }
  Node* top() {
    auto* n = pop();
    push(n);
    return n;
  }
  std::vector<Node*> since_mark() {
    if (marks_.empty()) broken("a mark is missing");
    std::vector<Node*> all(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                           stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return all;
  }
  void push_tuple(size_t n) {
    auto* t = make(Node::Tuple);
    t->items.resize(n);
    for (size_t i = n; i-- > 0;) t->items[i] = pop();
    push(t);
  }

  bool constant(uint8_t op) {
    switch (op) {
      case 0x80: if (const auto p = byte(); p < 2 || p > 5) refuse("another protocol"); return true;
      case 0x95: little(8); return true;  // FRAME: its length says nothing new
      case 'N': push(make(Node::None)); return true;
      case 0x88: push_int(1, Node::Bool); return true;
      case 0x89: push_int(0, Node::Bool); return true;
      case 'K': push_int(byte()); return true;
      case 'M': push_int(static_cast<int64_t>(little(2))); return true;
      case 'J': push_int(static_cast<int32_t>(little(4))); return true;
      case 0x8a: push_long(); return true;
      case 'G': push_float(); return true;
      case 'X': case 'T': push_text(bytes(little(4))); return true;
      case 0x8c: case 'U': push_text(bytes(byte())); return true;
      case 0x8d: push_text(bytes(little(8))); return true;
      default: return false;
    }
  }

  void push_long() {
    const auto n = byte();
    if (n > 16) refuse("an integer of more than 128 bits");
    uint64_t v = 0;
    bool negative = false;
    for (int i = 0; i < n; ++i) {
      const auto b = byte();
      if (i < 8) v |= uint64_t{b} << (8 * i);
      negative = (b & 0x80) != 0;
    }
    if (negative && n < 8) v |= ~uint64_t{0} << (8 * n);
    push_int(std::bit_cast<int64_t>(v));
  }

  void push_float() {
    uint64_t v = 0;
    for (int i = 0; i < 8; ++i) v = (v << 8) | byte();  // big endian
    auto* n = make(Node::Float);
    n->real = std::bit_cast<double>(v);
    push(n);
  }

  bool container(uint8_t op) {
    switch (op) {
      case '(': marks_.push_back(stack_.size()); return true;
      case ')': push_tuple(0); return true;
      case 0x85: push_tuple(1); return true;
      case 0x86: push_tuple(2); return true;
      case 0x87: push_tuple(3); return true;
      case 't': {
        auto all = since_mark();
        auto* t = make(Node::Tuple);
        t->items = std::move(all);
        push(t);
        return true;
      }
      case ']': push(make(Node::List)); return true;
      case '}': push(make(Node::Dict)); return true;
      case 'a': extend({pop()}, Node::List); return true;
      case 'e': extend(since_mark(), Node::List); return true;
      case 's': {
        auto* value = pop();
        auto* key = pop();
        extend({key, value}, Node::Dict);
        return true;
      }
      case 'u': extend(since_mark(), Node::Dict); return true;
      case '0': pop(); return true;
      default: return false;
    }
  }

  void extend(const std::vector<Node*>& with, Node::Kind kind) {
    auto* to = top();
    if (to->kind != kind || (kind == Node::Dict && with.size() % 2)) broken("a container is none");
    to->items.insert(to->items.end(), with.begin(), with.end());
  }

  bool memory(uint8_t op) {
    switch (op) {
      case 'q': keep(byte()); return true;
      case 'r': keep(little(4)); return true;
      case 0x94: keep(memo_.size()); return true;
      case 'h': recall(byte()); return true;
      case 'j': recall(little(4)); return true;
      default: return false;
    }
  }
  void keep(uint64_t index) {
    if (index > kNodes) refuse("a memo of that size");
    if (index >= memo_.size()) memo_.resize(index + 1, nullptr);
    memo_[index] = top();
  }
  void recall(uint64_t index) {
    if (index >= memo_.size() || !memo_[index]) broken("a memo entry is missing");
    push(memo_[index]);
  }

  bool object(uint8_t op) {
    switch (op) {
      case 'c': {
        const auto module = line();
        name(module + " " + line());
        return true;
      }
      case 0x93: {
        const auto* second = pop();
        const auto* first = pop();
        name(first->text + " " + second->text);
        return true;
      }
      case 'R': call(); return true;
      case 'b': {  // BUILD: attributes, which data has none of
        pop();
        if (top()->kind != Node::Dict) refuse("an object with attributes");
        return true;
      }
      case 'Q': {
        auto* n = make(Node::Persistent);
        n->items = {pop()};
        push(n);
        return true;
      }
      default: return false;
    }
  }

  void name(const std::string& what) {
    static const std::set<std::string> kKnown{"collections OrderedDict", "torch Size",
                                              "torch._utils _rebuild_tensor",
                                              "torch._utils _rebuild_tensor_v2",
                                              "torch._utils _rebuild_parameter"};
    const bool storage = what.starts_with("torch ") && what.ends_with("Storage") &&
                         what.find_first_of("._", 6) == std::string::npos;
    if (!kKnown.count(what) && !storage) refuse("the name '" + what + "'");
    auto* n = make(Node::Global);
    n->text = what;
    push(n);
  }

  void call() {
    auto* arguments = pop();
    auto* what = pop();
    if (what->kind != Node::Global || arguments->kind != Node::Tuple) refuse("a call of a value");
    if (what->text == "collections OrderedDict") {
      if (!arguments->items.empty()) refuse("an OrderedDict made of arguments");
      return push(make(Node::Dict));
    }
    if (what->text == "torch Size") {
      if (arguments->items.size() != 1) broken("a size is none");
      return push(arguments->items.front());
    }
    if (!what->text.starts_with("torch._utils ")) refuse("a call of '" + what->text + "'");
    auto* n = make(Node::Call);
    n->items = {what};
    n->items.insert(n->items.end(), arguments->items.begin(), arguments->items.end());
    push(n);
  }

  Pickle& out_;
  const uint8_t* data_;
  uint64_t size_, at_ = 0;
  std::string where_;
  std::vector<Node*> stack_, memo_;
  std::vector<size_t> marks_;
};

Pickle::Pickle(const uint8_t* data, uint64_t size, std::string where) {
  PickleMachine(*this, data, size, std::move(where)).run();
}

}  // namespace bench
