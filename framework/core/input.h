#pragma once

namespace bench {

/// What a model reads. Any: what a plugin takes that does not mind. Text is read from left to
/// right; of MaskedText every token sees all, LabelledText is read for its class.
enum class Input { Any, Text, Images, LabelledText, MaskedText };
const char* name_of(Input input);

}  // namespace bench
