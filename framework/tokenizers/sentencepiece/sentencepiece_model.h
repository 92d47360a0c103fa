#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace bench::text {

/// A SentencePiece .model file (sentencepiece_model.proto), as far as encoding needs it. Defaults
/// are those of the format.
struct SentencePieceModel {
  enum Type { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  enum Kind { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

  struct Piece {
    std::string text;
    float score = 0;
    int type = kNormal;
  };
  std::vector<Piece> pieces;

  int kind = kUnigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
  std::string unk_surface = " \xE2\x81\x87 ";  // what an unknown piece decodes to

  std::string charsmap;  // precompiled normalisation rules; empty: identity
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool denormalizes = false;  // has rules for decoding
};

/// Bytes that are no such file, or a model that no rule here can run, are an Error naming `file`.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file);

}  // namespace bench::text
