#pragma once

namespace bench {

/// What a model reads. Any: what a plugin takes that does not mind.
enum class Input { Any, Text, Images, LabelledText };
const char* name_of(Input input);

}  // namespace bench
