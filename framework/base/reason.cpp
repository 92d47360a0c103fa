#include "base/reason.h"

#include <filesystem>
#include <new>
#include <stdexcept>

#include "base/error.h"

namespace bench {
namespace {

/// The first line of what LibTorch says, without the place in its source. It cannot be asked by
/// type here: this room knows no tensor.
std::string without_frames(std::string text) {
  for (const char* mark : {"\nException raised from", "\nC++ CapturedTraceback:", "\nframe #0:"})
    text.resize(std::min(text.size(), text.find(mark)));
  if (text.starts_with("[enforce fail at "))
    if (const auto end = text.find("] "); end != std::string::npos) text.erase(0, end + 2);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

bool speaks_of_memory(const std::string& text) {
  for (const char* words : {"can't allocate memory", "out of memory", "not enough memory"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

Reason out_of_memory() {
  return {
      "out of memory: give a smaller batch_tokens or model, residency=block, or a machine with "
      "more",
      true};
}

}  // namespace

Reason reason_of(const std::exception& e) {
  if (dynamic_cast<const Error*>(&e)) return {e.what()};
  if (dynamic_cast<const std::bad_alloc*>(&e) || dynamic_cast<const std::length_error*>(&e))
    return out_of_memory();
  if (const auto* f = dynamic_cast<const std::filesystem::filesystem_error*>(&e)) {
    const auto at = f->path1().string();
    return {(at.empty() ? "" : at + ": ") + f->code().message()};
  }
  auto text = without_frames(e.what());
  if (speaks_of_memory(text)) return out_of_memory();
  return {std::move(text)};
}

}  // namespace bench
