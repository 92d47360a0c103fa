// What the pruning loop writes at its marks.
#include "models/hub_folder.h"
#include "stages/trained.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("prune_loop: what it writes at a mark loads again, and changes nothing", "[training]") {
  const TempDir dir;
  const auto images = tiny_images(4).batches.front();
  for (const std::string family : {"resnet", "resnet_b", "vgg", "mobilenet_v1", "detector"})
    for (const bool soft : {false, true}) {
      CAPTURE(family, soft);
      const bool boxes = family == "detector";
      const auto m = method_of("l1_filter", "global", true);
      auto s = few(400, 8);
      if (boxes) s.back().value = Value("shapes:seed=0,count=64,size=32");
      s.push_back({"interval", Value(int64_t{1})});
      s.push_back({"soft_masks", soft});
      s[3].value = 0.001;
      Bench plain(family), writing(family);
      plain.run(*stage("prune_loop", s), m, 0.25);
      s.push_back({"checkpoints", Value(dir.path.string())});
      const auto source = TinyVision(family).make();
      std::map<std::string, Tensor> said;
      writing.write_model = [&](const std::string& folder) {
        write_hub_folder(*writing.model, source, true, folder);
        said[std::filesystem::path(folder).stem().string()] = writing.model->forward(images);
      };
      writing.run(*stage("prune_loop", s), m, 0.25);
      CHECK(all_bits(*writing.model) == all_bits(*plain.model));
      CHECK(said.size() == 2);  // macs_90, macs_80
      for (const auto& [name, logits] : said) {
        const auto model = build_model(read_checkpoint(dir.path / name));
        at::NoGradGuard no_grad;
        CHECK(model->forward(images).equal(logits));
        const auto cost = cost_of(*model, output_positions(*model, images));
        CHECK(static_cast<double>(cost.macs) == writing.said.at(name + ".macs"));
      }
    }
}
