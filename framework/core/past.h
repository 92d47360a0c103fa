#pragma once
#include <vector>

#include "tensor/tensor.h"

namespace bench {

/// Keys and values of the tokens that sequences have behind them, so that a sequence is continued
/// token by token without computing it again. Segment s of every batch that carries it continues
/// sequence s.
class Past {
 public:
  Past(int64_t blocks, int64_t sequences);

  struct KeyValue {
    Tensor k, v;  // [tokens so far, kv*d]
  };
  /// Appends k and v [n, kv*d] of a sequence in a block; all of them so far. Different sequences
  /// may be extended at the same time.
  KeyValue extend(int64_t block, int64_t sequence, const Tensor& k, const Tensor& v);
  /// Only these sequences go on, in this order.
  void keep(const std::vector<int64_t>& sequences);

 private:
  struct Grown {
    Tensor rows;         // [capacity, columns]
    int64_t length = 0;  // rows in use
    Tensor append(const Tensor& more);
  };
  std::vector<std::vector<std::pair<Grown, Grown>>> all_;  // [block][sequence]
};

}  // namespace bench
