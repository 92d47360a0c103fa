#pragma once
#include <bit>

#include "base/error.h"
#include "formats/pickle.h"

namespace bench {

/// The stack machine that a pickle is a program of, for data alone.
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

  bool constant(uint8_t op);
  void push_long();
  void push_float();
  bool container(uint8_t op);
  void extend(const std::vector<Node*>& with, Node::Kind kind);
  bool memory(uint8_t op);
  void keep(uint64_t index);
  void recall(uint64_t index);
  bool object(uint8_t op);
  void name(const std::string& what);
  void call();

  Pickle& out_;
  const uint8_t* data_;
  uint64_t size_, at_ = 0;
  std::string where_;
  std::vector<Node*> stack_, memo_;
  std::vector<size_t> marks_;
};

}  // namespace bench
