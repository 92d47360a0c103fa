// Layout: torch/serialization.py (_legacy_save, _save); zip: APPNOTE.TXT 4.3, stored entries only.
#include "formats/torch_file.h"

#include <cstring>

#include "base/error.h"
#include "formats/mapped_file.h"
#include "formats/pickle.h"
#include "formats/state_dict.h"

namespace bench {
namespace {

struct Span {
  const uint8_t* data = nullptr;
  uint64_t size = 0;
};

uint64_t little(const uint8_t* p, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; ++i) v |= uint64_t{p[i]} << (8 * i);
  return v;
}

at::ScalarType type_of(const std::string& storage, const std::string& where) {
  static const std::map<std::string, at::ScalarType> kTypes{
      {"torch FloatStorage", at::kFloat}, {"torch DoubleStorage", at::kDouble},
      {"torch HalfStorage", at::kHalf},   {"torch BFloat16Storage", at::kBFloat16},
      {"torch LongStorage", at::kLong},   {"torch IntStorage", at::kInt},
      {"torch ShortStorage", at::kShort}, {"torch CharStorage", at::kChar},
      {"torch ByteStorage", at::kByte},   {"torch BoolStorage", at::kBool}};
  const auto it = kTypes.find(storage);
  if (it == kTypes.end()) fail("{}: holds a {}, which is not read", where, storage);
  return it->second;
}

/// Entries of a zip file that is only stored, by name.
std::map<std::string, Span> zip_entries(const MappedFile& file) {
  const uint8_t* d = file.data();
  const auto size = file.size();
  const auto broken = [&](const char* what) -> void {
    fail("{}: is no whole zip file: {}", file.path(), what);
  };
  if (size < 22) broken("too short");
  uint64_t end = size - 22;
  while (little(d + end, 4) != 0x06054b50) {
    if (end == 0 || size - end > 65557) broken("no end record");
    --end;
  }
  uint64_t count = little(d + end + 10, 2), at = little(d + end + 16, 4);
  if ((count == 0xffff || at == 0xffffffff) && end >= 20 && little(d + end - 20, 4) == 0x07064b50) {
    const auto wide = little(d + end - 12, 8);
    if (wide > size || size - wide < 56 || little(d + wide, 4) != 0x06064b50)
      broken("its zip64 record");
    count = little(d + wide + 32, 8);
    at = little(d + wide + 48, 8);
  }
  std::map<std::string, Span> all;
  for (uint64_t i = 0; i < count; ++i) {
    if (at > size || size - at < 46 || little(d + at, 4) != 0x02014b50) broken("its directory");
    const auto method = little(d + at + 10, 2), name = little(d + at + 28, 2),
               extra = little(d + at + 30, 2), comment = little(d + at + 32, 2);
    uint64_t bytes = little(d + at + 24, 4), local = little(d + at + 42, 4);
    if (size - at - 46 < name + extra + comment) broken("its directory");
    const uint8_t* x = d + at + 46 + name;
    for (uint64_t e = 0; e + 4 <= extra;) {  // zip64: what did not fit, in this order
      const auto id = little(x + e, 2), length = little(x + e + 2, 2);
      if (length > extra - e - 4) break;
      uint64_t in = e + 4;
      const auto take = [&](uint64_t& v) {
        if (v == 0xffffffff && in + 8 <= e + 4 + length) v = little(x + in, 8), in += 8;
      };
      if (id == 1) {
        uint64_t packed = little(d + at + 20, 4);
        take(bytes), take(packed), take(local);
      }
      e += 4 + length;
    }
    if (local > size || size - local < 30 || little(d + local, 4) != 0x04034b50) broken("an entry");
    const auto skip = 30 + little(d + local + 26, 2) + little(d + local + 28, 2);
    if (size - local < skip || size - local - skip < bytes) broken("an entry leaves the file");
    const std::string key(reinterpret_cast<const char*>(d + at + 46), name);
    if (method != 0) fail("{}: {} is compressed; torch.save stores", file.path(), key);
    all[key] = {d + local + skip, bytes};
    at += 46 + name + extra + comment;
  }
  return all;
}

/// A storage that a pickle names: ("storage", type, key, location, count).
struct StorageName {
  at::ScalarType type;
  std::string key;
  uint64_t count = 0;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : file_(MappedFile::open(path)) {
    const uint8_t* d = file_->data();
    if (file_->size() >= 4 && little(d, 4) == 0x04034b50)
      open_zip();
    else
      open_legacy();
  }

  TensorMap tensors() {
    const auto is_tensor = [](const PickleNode& n) {
      const auto* v = parameter(&n);
      return v->kind == PickleNode::Call && v->items.size() > 1 &&
             v->items[1]->kind == PickleNode::Persistent;
    };
    const auto& dict = find_state_dict(pickle_->root(), is_tensor, where());
    TensorMap all;
    // Names may share a storage (tied weights), each has a copy of its own here.
    uint64_t left = 8 * file_->size() + (uint64_t{16} << 20);
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const auto* value = parameter(dict.items[i + 1]);
      if (dict.items[i]->kind != PickleNode::Text || value->kind != PickleNode::Call) continue;
      const auto name = unwrapped_name(dict.items[i]->text);
      auto tensor = rebuild(*value, name);
      const auto bytes = static_cast<uint64_t>(tensor.numel()) *
                         static_cast<uint64_t>(elementSize(tensor.scalar_type()));
      if (bytes > left)
        fail("{}: its names hold many times the bytes of the file: one storage under many names",
             where());
      left -= bytes;
      if (!all.emplace(name, std::move(tensor)).second)
        fail("{}: holds {} twice, with and without the words of a wrapper", where(), name);
    }
    if (all.empty()) fail("{}: its state dict holds no tensor", where());
    return all;
  }

 private:
  const std::string& where() const { return file_->path(); }

  void open_zip() {
    const auto entries = zip_entries(*file_);
    for (const auto& [name, span] : entries) {
      const auto slash = name.rfind("data.pkl");
      if (slash == std::string::npos || slash + 8 != name.size()) continue;
      pickle_ = std::make_unique<Pickle>(span.data, span.size, where());
      const auto folder = name.substr(0, slash) + "data/";
      for (const auto& [other, bytes] : entries)
        if (other.starts_with(folder)) storages_[other.substr(folder.size())] = bytes;
      return;
    }
    fail("{}: holds no data.pkl: it is no file of torch.save", where());
  }

  std::unique_ptr<Pickle> next(uint64_t& at) const {
    auto p = std::make_unique<Pickle>(file_->data() + at, file_->size() - at, where());
    at += p->length();
    return p;
  }

  /// Magic number, protocol, system, the object, the storages' keys; then count and bytes of each.
  void open_legacy() {
    uint64_t at = 0;
    const auto magic = next(at), protocol = next(at), system = next(at);
    if (magic->root().kind != PickleNode::Int || protocol->root().number != 1001)
      fail("{}: is no file of torch.save", where());
    pickle_ = next(at);
    const auto keys = next(at);
    std::map<std::string, StorageName> known;
    for (const auto& name : storage_names()) known[name.key] = name;
    for (const auto* key : keys->root().items) {
      const auto it = known.find(key->text);
      if (it == known.end()) fail("{}: the storage {} has no type", where(), key->text);
      if (file_->size() - at < 8) fail("{}: ends before its storages do", where());
      const auto count = little(file_->data() + at, 8);
      const auto each = elementSize(it->second.type);
      at += 8;
      if (count > (file_->size() - at) / each) fail("{}: ends before its storages do", where());
      storages_[key->text] = {file_->data() + at, count * each};
      at += count * each;
    }
  }

  std::vector<StorageName> storage_names() const {
    std::vector<StorageName> all;
    for (const auto& node : pickle_->nodes())
      if (node->kind == PickleNode::Persistent) all.push_back(storage(*node));
    return all;
  }

  StorageName storage(const PickleNode& node) const {
    const auto& id = *node.items.front();
    if (id.kind != PickleNode::Tuple || id.items.size() < 5 || id.items[0]->text != "storage" ||
        id.items[4]->number < 0)
      fail("{}: holds a reference that is no storage", where());
    return {type_of(id.items[1]->text, where()), id.items[2]->text,
            static_cast<uint64_t>(id.items[4]->number)};
  }

  /// _rebuild_parameter(data, requires_grad, hooks) -> data.
  static const PickleNode* parameter(const PickleNode* n) {
    if (n->kind == PickleNode::Call && n->items.size() > 1 &&
        n->items[0]->text.ends_with("_rebuild_parameter"))
      return n->items[1];
    return n;
  }

  Tensor rebuild(const PickleNode& call, const std::string& name) const {
    const auto broken = [&](const char* what) { fail("{}: {}: {}", where(), name, what); };
    if (call.items.size() < 5 || call.items[1]->kind != PickleNode::Persistent)
      broken("is no plain tensor");
    const auto from = storage(*call.items[1]);
    const auto it = storages_.find(from.key);
    if (it == storages_.end()) broken("its storage is missing");
    const auto each = static_cast<uint64_t>(elementSize(from.type));
    const auto held = static_cast<int64_t>(it->second.size / each);
    const auto &size = call.items[3]->items, &stride = call.items[4]->items;
    if (size.size() != stride.size() || size.size() > 16) broken("sizes and strides differ");
    std::vector<int64_t> sizes, strides;
    int64_t offset = call.items[2]->number, last = offset;
    bool empty = false;
    if (offset < 0 || offset > held) broken("begins outside its storage");
    for (size_t i = 0; i < size.size(); ++i) {
      const auto n = size[i]->number, s = stride[i]->number;
      if (n < 0 || s < 0 || n > held + 1 || s > held + 1) broken("has impossible sizes");
      empty = empty || n == 0;
      if (n > 0 && __builtin_add_overflow(last, (n - 1) * s, &last)) broken("leaves its storage");
      sizes.push_back(n);
      strides.push_back(s);
    }
    if (empty) return at::empty(sizes, from.type);
    if (last >= held) broken("leaves its storage");
    int64_t elements = 1;
    for (const auto n : sizes)
      if (__builtin_mul_overflow(elements, n, &elements) || elements > held)
        broken("is larger than its storage");
    const auto used = last - offset + 1;
    const auto flat = at::empty({used}, from.type);
    std::memcpy(flat.mutable_data_ptr(), it->second.data + static_cast<uint64_t>(offset) * each,
                static_cast<uint64_t>(used) * each);
    return flat.as_strided(sizes, strides).clone(at::MemoryFormat::Contiguous);
  }

  std::shared_ptr<const MappedFile> file_;
  std::unique_ptr<Pickle> pickle_;
  std::map<std::string, Span> storages_;
};

}  // namespace

TensorMap read_torch_file(const std::string& path) {
  return Reader(path).tensors();
}

}  // namespace bench
