#pragma once
#include <string>
#include <string_view>

namespace bench {

/// gzip (RFC 1952) as base64: what a page carries, and its script unpacks with DecompressionStream.
/// Equal texts give equal results: the header holds no time.
std::string packed(std::string_view text);

}  // namespace bench
