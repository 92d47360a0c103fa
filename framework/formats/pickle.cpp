// The pickle machine for data alone: Lib/pickle.py and pickletools.py of CPython name the opcodes.
#include <set>

#include "formats/pickle_machine.h"

namespace bench {

const PickleNode* PickleNode::get(const std::string& key) const {
  if (kind != Dict) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i]->kind == Text && items[i]->text == key) return items[i + 1];
  return nullptr;
}

bool PickleMachine::constant(uint8_t op) {
  switch (op) {
    case 0x80:
      if (const auto p = byte(); p < 2 || p > 5) refuse("another protocol");
      return true;
    case 0x95:
      little(8);
      return true;  // FRAME: its length says nothing new
    case 'N':
      push(make(Node::None));
      return true;
    case 0x88:
      push_int(1, Node::Bool);
      return true;
    case 0x89:
      push_int(0, Node::Bool);
      return true;
    case 'K':
      push_int(byte());
      return true;
    case 'M':
      push_int(static_cast<int64_t>(little(2)));
      return true;
    case 'J':
      push_int(static_cast<int32_t>(little(4)));
      return true;
    case 0x8a:
      push_long();
      return true;
    case 'G':
      push_float();
      return true;
    case 'X':
    case 'T':
      push_text(bytes(little(4)));
      return true;
    case 0x8c:
    case 'U':
      push_text(bytes(byte()));
      return true;
    case 0x8d:
      push_text(bytes(little(8)));
      return true;
    default:
      return false;
  }
}

void PickleMachine::push_long() {
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

void PickleMachine::push_float() {
  uint64_t v = 0;
  for (int i = 0; i < 8; ++i) v = (v << 8) | byte();  // big endian
  auto* n = make(Node::Float);
  n->real = std::bit_cast<double>(v);
  push(n);
}

bool PickleMachine::container(uint8_t op) {
  switch (op) {
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case ')':
      push_tuple(0);
      return true;
    case 0x85:
      push_tuple(1);
      return true;
    case 0x86:
      push_tuple(2);
      return true;
    case 0x87:
      push_tuple(3);
      return true;
    case 't': {
      auto all = since_mark();
      auto* t = make(Node::Tuple);
      t->items = std::move(all);
      push(t);
      return true;
    }
    case ']':
      push(make(Node::List));
      return true;
    case '}':
      push(make(Node::Dict));
      return true;
    case 'a':
      extend({pop()}, Node::List);
      return true;
    case 'e':
      extend(since_mark(), Node::List);
      return true;
    case 's': {
      auto* value = pop();
      auto* key = pop();
      extend({key, value}, Node::Dict);
      return true;
    }
    case 'u':
      extend(since_mark(), Node::Dict);
      return true;
    case '0':
      pop();
      return true;
    default:
      return false;
  }
}

void PickleMachine::extend(const std::vector<Node*>& with, Node::Kind kind) {
  auto* to = top();
  if (to->kind != kind || (kind == Node::Dict && with.size() % 2)) broken("a container is none");
  to->items.insert(to->items.end(), with.begin(), with.end());
}

bool PickleMachine::memory(uint8_t op) {
  switch (op) {
    case 'q':
      keep(byte());
      return true;
    case 'r':
      keep(little(4));
      return true;
    case 0x94:
      keep(memo_.size());
      return true;
    case 'h':
      recall(byte());
      return true;
    case 'j':
      recall(little(4));
      return true;
    default:
      return false;
  }
}
void PickleMachine::keep(uint64_t index) {
  if (index > kNodes) refuse("a memo of that size");
  if (index >= memo_.size()) memo_.resize(index + 1, nullptr);
  memo_[index] = top();
}
void PickleMachine::recall(uint64_t index) {
  if (index >= memo_.size() || !memo_[index]) broken("a memo entry is missing");
  push(memo_[index]);
}

bool PickleMachine::object(uint8_t op) {
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
    case 'R':
      call();
      return true;
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
    default:
      return false;
  }
}

void PickleMachine::name(const std::string& what) {
  static const std::set<std::string> kKnown{
      "collections OrderedDict", "torch Size", "torch._utils _rebuild_tensor",
      "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"};
  const bool storage = what.starts_with("torch ") && what.ends_with("Storage") &&
                       what.find_first_of("._", 6) == std::string::npos;
  if (!kKnown.count(what) && !storage) refuse("the name '" + what + "'");
  auto* n = make(Node::Global);
  n->text = what;
  push(n);
}

void PickleMachine::call() {
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

Pickle::Pickle(const uint8_t* data, uint64_t size, std::string where) {
  PickleMachine(*this, data, size, std::move(where)).run();
}

}  // namespace bench
