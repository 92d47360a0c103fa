#pragma once
#include <functional>
#include <string>

#include "formats/pickle.h"

namespace bench {

/// The state dict within what torch.save wrote: the dictionary that holds tensors, itself or under
/// a key (state_dict, model, net, Lightning's and others', however deep). Of several the trained
/// weights go before their running averages (ema); where it cannot be told which one is meant, an
/// Error names them all. `is_tensor` says what counts; `where` begins errors.
const PickleNode& find_state_dict(const PickleNode& root,
                                  const std::function<bool(const PickleNode&)>& is_tensor,
                                  const std::string& where);

/// A tensor's name without the words that wrappers put in: "module" (DataParallel), "_orig_mod"
/// (torch.compile), wherever they stand.
std::string unwrapped_name(const std::string& name);

}  // namespace bench
