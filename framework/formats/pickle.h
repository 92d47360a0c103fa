#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// What a pickle says, as data. No code of the file is ever run: a GLOBAL is a name, a REDUCE of a
/// name is the name with its arguments, and what else a pickle could call is refused. Nodes may be
/// shared and may even form rings; the Pickle owns them all.
struct PickleNode {
  enum Kind { None, Bool, Int, Float, Text, Tuple, List, Dict, Global, Call, Persistent };
  Kind kind = None;
  int64_t number = 0;              // Bool, Int
  double real = 0;                 // Float
  std::string text;                // Text; "module name" of a Global
  std::vector<PickleNode*> items;  // Tuple, List; Dict: key, value, key, value; Call: what is
                                   // called, then its arguments; Persistent: the id
  const PickleNode* get(const std::string& key) const;  // of a Dict with that text key, or null
};

/// One pickle of protocols 2 to 5, as torch.save writes them. Names that may be called:
/// collections.OrderedDict and torch._utils._rebuild_*; anything else, and any opcode that would
/// build objects, is an Error that names it, `where` and the offset.
class Pickle {
 public:
  Pickle(const uint8_t* data, uint64_t size, std::string where);
  const PickleNode& root() const { return *root_; }
  uint64_t length() const { return at_; }  // bytes up to and including STOP
  const std::vector<std::unique_ptr<PickleNode>>& nodes() const { return nodes_; }

 private:
  friend class PickleMachine;
  std::vector<std::unique_ptr<PickleNode>> nodes_;
  const PickleNode* root_ = nullptr;
  uint64_t at_ = 0;
};

}  // namespace bench
