#pragma once
#include <string>

#include "base/error.h"
#include "hydra/interpolation/interpolation.h"
#include "hydra/yaml/value.h"

namespace bench {

/// A key that a strict ("struct") configuration does not have.
struct UnknownKey : Error {
  using Error::Error;
};

struct MergeOptions {
  bool strict = false;    // "struct": unknown keys are refused
  bool readonly = false;  // any change is refused
};

/// OmegaConf.merge: maps merge key by key, everything else replaces; `???` never replaces a value.
void merge_into(Value& target, const Value& source, const MergeOptions& options = {});

struct UpdateOptions {
  bool strict = false;
  bool force_add = false;  // as `+key=value`: strict does not count
  bool merge = true;       // false: a map replaces a map
};

/// OmegaConf.update: sets the value at a key path. Interpolations on the way are followed into
/// the maps and lists they stand for.
void update(Value& root, const std::string& path, const Value& value, const UpdateOptions& options,
            const ResolveContext& context = {});

/// A node and the container it is a child of; `value` is null if there is none.
struct Slot {
  Value* container = nullptr;
  std::string key;
  Value* value = nullptr;
};
/// The node at a key path, interpolations on the way followed; nothing is changed.
Slot locate(const Value& root, const std::string& path, const ResolveContext& context = {});

}  // namespace bench
