#include "tokenizers/sentencepiece/sentencepiece_model.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

/// One field of a protocol buffer message (protobuf.dev, "Encoding").
struct Field {
  uint64_t number = 0;
  int wire = 0;  // 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
  uint64_t varint = 0;
  std::string_view bytes;  // of wire types 1, 2 and 5
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& file) : in_(bytes), file_(file) {}

  bool next(Field& field) {
    if (at_ == in_.size()) return false;
    const uint64_t key = varint();
    field = {key >> 3, static_cast<int>(key & 7), 0, {}};
    if (field.number == 0) broken("has a field with number 0");
    switch (field.wire) {
      case 0:
        field.varint = varint();
        break;
      case 1:
        field.bytes = take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.bytes = take(4);
        break;
      default:
        broken(fmt::format("has a field of wire type {}", field.wire));
    }
    return true;
  }

  [[noreturn]] void broken(const std::string& why) const {
    fail("{} is not a SentencePiece model: byte {} {}; fetch it again", file_, at_, why);
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == in_.size()) broken("ends within a number");
      const auto byte = static_cast<unsigned char>(in_[at_++]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    broken("has a number of more than ten bytes");
  }

  std::string_view take(uint64_t count) {
    if (count > in_.size() - at_)
      broken(fmt::format("asks for {} bytes that are not there", count));
    const auto bytes = in_.substr(at_, static_cast<size_t>(count));
    at_ += bytes.size();
    return bytes;
  }

  std::string_view in_;
  size_t at_ = 0;
  const std::string& file_;
};

/// Reads the fields of one message. expect(number) is the wire type of a field that is wanted, -1
/// of any other, so that a wrong one is caught before it is used.
template <class Expect, class Use>
void read(std::string_view bytes, const std::string& file, Expect&& expect, Use&& use) {
  Reader reader(bytes, file);
  for (Field field; reader.next(field);) {
    const int wire = expect(field.number);
    if (wire < 0) continue;
    if (wire != field.wire)
      reader.broken(fmt::format("has field {} as another type", field.number));
    use(field);
  }
}

SentencePieceModel::Piece read_piece(std::string_view bytes, const std::string& file) {
  SentencePieceModel::Piece piece;
  const auto expect = [](uint64_t n) { return n == 1 ? 2 : n == 2 ? 5 : n == 3 ? 0 : -1; };
  read(bytes, file, expect, [&](const Field& field) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) std::memcpy(&piece.score, field.bytes.data(), sizeof(float));
    if (field.number == 3) piece.type = field.varint > 6 ? 0 : static_cast<int>(field.varint);
  });
  return piece;
}

void read_trainer(std::string_view bytes, const std::string& file, SentencePieceModel& model) {
  const auto expect = [](uint64_t n) {
    return n == 3 || n == 24 || n == 35 ? 0 : n >= 44 && n <= 48 ? 2 : -1;
  };
  read(bytes, file, expect, [&](const Field& field) {
    switch (field.number) {
      case 3:
        model.kind = field.varint > 4 ? 0 : static_cast<int>(field.varint);
        break;
      case 24:
        model.whitespace_as_suffix = field.varint != 0;
        break;
      case 35:
        model.byte_fallback = field.varint != 0;
        break;
      case 44:
        model.unk_surface = field.bytes;
        break;
      case 45:
        model.unk_piece = field.bytes;
        break;
      case 46:
        model.bos_piece = field.bytes;
        break;
      case 47:
        model.eos_piece = field.bytes;
        break;
      default:
        model.pad_piece = field.bytes;
    }
  });
}

void read_normalizer(std::string_view bytes, const std::string& file, SentencePieceModel& model) {
  const auto expect = [](uint64_t n) { return n == 2 ? 2 : n >= 3 && n <= 5 ? 0 : -1; };
  read(bytes, file, expect, [&](const Field& field) {
    switch (field.number) {
      case 2:
        model.charsmap = field.bytes;
        break;
      case 3:
        model.add_dummy_prefix = field.varint != 0;
        break;
      case 4:
        model.remove_extra_whitespaces = field.varint != 0;
        break;
      default:
        model.escape_whitespaces = field.varint != 0;
    }
  });
}

void read_denormalizer(std::string_view bytes, const std::string& file, SentencePieceModel& model) {
  read(
      bytes, file, [](uint64_t n) { return n == 2 ? 2 : -1; },
      [&](const Field& field) { model.denormalizes = !field.bytes.empty(); });
}

/// What sentencepiece itself checks when it loads a model (model_interface.cc), and what we lack.
void check(const SentencePieceModel& model, const std::string& file) {
  if (model.kind != SentencePieceModel::kBpe && model.kind != SentencePieceModel::kUnigram)
    fail("{} is a SentencePiece model of type {}; only unigram (1) and bpe (2) can be run", file,
         model.kind);
  if (model.whitespace_as_suffix)
    fail("{} sets treat_whitespace_as_suffix, which is not supported; train without it", file);
  if (model.denormalizes)
    fail("{} has a denormalizer, which is not supported; train without it", file);
  std::set<std::string_view> seen;
  size_t unknown = 0, bytes = 0;
  for (const auto& piece : model.pieces) {
    if (piece.text.empty()) fail("{} has an empty piece; fetch it again", file);
    if (invalid_utf8(piece.text) != std::string_view::npos)
      fail("{} has a piece that is not valid UTF-8; fetch it again", file);
    if (!std::isfinite(piece.score))
      fail("piece \"{}\" of {} has a score that is no number", piece.text, file);
    if (piece.type == 0) fail("piece \"{}\" of {} has no known type", piece.text, file);
    if (!seen.insert(piece.text).second) fail("{} has piece \"{}\" twice", file, piece.text);
    unknown += piece.type == SentencePieceModel::kUnknown;
    bytes += piece.type == SentencePieceModel::kByte;
  }
  if (unknown != 1) fail("{} has {} unknown pieces where one is needed", file, unknown);
  if (model.byte_fallback && bytes != 256)
    fail("{} says byte_fallback but has {} byte pieces, not 256; fetch it again", file, bytes);
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file) {
  SentencePieceModel model;
  const auto expect = [](uint64_t n) { return n == 1 || n == 2 || n == 3 || n == 5 ? 2 : -1; };
  read(bytes, file, expect, [&](const Field& field) {
    if (field.number == 1) model.pieces.push_back(read_piece(field.bytes, file));
    if (field.number == 2) read_trainer(field.bytes, file, model);
    if (field.number == 3) read_normalizer(field.bytes, file, model);
    if (field.number == 5) read_denormalizer(field.bytes, file, model);
  });
  if (model.pieces.empty()) fail("{} is not a SentencePiece model: it has no pieces", file);
  check(model, file);
  return model;
}

}  // namespace bench::text
