// infer_unet from outside: what it refuses, and that broken pictures cost only themselves.
#include "tests/infer_runs.h"
#include "weights/safetensors.h"

namespace karyon {
namespace {

using InferRefusals = InferUnet;

TEST_F(InferRefusals, BrokenPicturesCostOnlyThemselves) {
  Bytes cut = plain_png(40, 30, 3, 9);
  cut.resize(cut.size() - 20);
  put(dir / "in/cut.png", cut);
  put(dir / "in/good.png", plain_png(40, 30, 3, 9));
  put(dir / "in/text.png", to_bytes("no picture"));
  fs::create_symlink("nowhere", dir / "in/link.png");
  put(dir / "in" / (std::string(251, 'n') + ".png"), plain_png(8, 8, 3, 9));
  put(dir / "in" / (std::string(250, 'j') + ".jpeg"), plain_png(8, 8, 3, 9));
  const Finished finished = run({"in", "--batch-size", "2"}, 75);
  EXPECT_TRUE(finished.out.starts_with("results: out\nimages: 3\nskipped: 3\nnuclei: ")) << finished.out;
  for (const char* part : {"warning: skipped: in/cut.png", "warning: skipped: in/text.png",
                           "warning: skipped: in/link.png", "\ninfer_unet: 3 of 6 pictures were skipped"}) {
    EXPECT_NE(finished.err.find(part), std::string::npos) << part << " in: " << finished.err;
  }
  read_mask(dir / "out/masks/good.png", 40, 30);
  EXPECT_FALSE(fs::exists(dir / "out/masks/cut.png"));
}

TEST_F(InferRefusals, NamesTooLongForAResultAreSkipped) {
  put(dir / std::string(255, 'x'), plain_png(8, 8, 3, 9));
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  const Finished finished = run({std::string(255, 'x'), "a.png"}, 75);
  EXPECT_NE(finished.err.find("too long"), std::string::npos) << finished.err;
}

TEST_F(InferRefusals, AllBrokenIsAFailureThatLeavesNothing) {
  Bytes cut = plain_png(40, 30, 3, 9);
  cut.resize(cut.size() - 20);
  put(dir / "in/cut.png", cut);
  const auto refused = [&](const Words& parts) {
    expect_failure(infer(dir.path(), {"--model", "model", "--out", "new/out", "in", "--save-prob"}), "infer_unet", 65,
                   parts);
    EXPECT_FALSE(fs::exists(dir / "new"));
  };
  refused({"cut.png", "cut short"});
  put(dir / "in/text.png", to_bytes("no picture"));
  refused({"none of the 2", "cut.png"});
  fs::remove_all(dir / "in");
  put(dir / "in/a/images/a.png", plain_png(8, 9, 3, 9));
  put(dir / "in/a/masks/m.png", plain_png(9, 8, 1, 255));
  refused({"a.png", "m.png", "8 x 9", "9 x 8"});
}

TEST_F(InferRefusals, RefusesInputsAndOutputsBeforeAnyWork) {
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  put(dir / "file", to_bytes("x"));
  put(dir / "empty.zip", {});
  put(dir / "notes/readme.txt", to_bytes("x"));
  const Words before = tree(dir.path());
  const auto refused = [&](int status, const Words& words, const Words& parts) {
    expect_failure(infer(dir.path(), words), "infer_unet", status, parts);
  };
  const Words model{"--model", "model"};
  refused(66, model + Words{"absent", "--out", "o"}, {"absent"});
  refused(66, model + Words{"a.png", "absent", "--out", "o"}, {"absent"});
  refused(66, model + Words{"empty.zip", "--out", "o"}, {"empty.zip"});
  refused(66, model + Words{"notes", "--out", "o"}, {"notes", "no picture"});
  refused(73, model + Words{"a.png", "--out", "file"}, {"file"});
  refused(73, model + Words{"a.png", "--out", "notes"}, {"not empty", "--exist-ok"});
  refused(2, model, {"no pictures"});
  refused(2, model + Words{"a.png", "--tile", "100"}, {"--tile 100", "multiples of 32"});
  refused(2, model + Words{"a.png", "--tile", "64", "--overlap", "64"}, {"--overlap 64", "half of the tile"});
  refused(2, model + Words{"a.png", "--normalise", "median"}, {"median", "percentile"});
  refused(2, model + Words{"a.png", "--export-onnx", "m.onnx"}, {"no pictures"});
  refused(2, model + Words{"a.png", "--threshold", "2"}, {"--threshold", "0..1"});
  refused(2, model + Words{"a.png", "--threshold", "nan"}, {"--threshold"});
  refused(2, model + Words{"a.png", "--batch-size", "0"}, {"--batch-size"});
  refused(2, model + Words{"a.png", "--treshold", "0.5"}, {"unknown flag --treshold", "--threshold"});
  refused(69, {"--model", "absent", "absent", "--device", "cuda:999"}, {"cuda:999"});
  EXPECT_EQ(tree(dir.path()), before);
}

TEST_F(InferRefusals, RefusesPicturesOverTheLimit) {
  put(dir / "a.png", plain_png(30, 40, 3, 9));
  expect_failure(infer(dir.path(), {"--model", "model", "a.png", "--max-pixels", "1199", "--out", "o"}), "infer_unet",
                 65, {"a.png", "30 x 40", "1199"});
  run({"a.png", "--max-pixels", "1200"});
}

TEST_F(InferRefusals, RefusesModelsThatAreNone) {
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  Bytes bytes = encode_checkpoint(checkpoint);
  const auto changed = [&](const std::string& from, const std::string& to) {
    Bytes copy = bytes;
    const auto at = std::search(copy.begin(), copy.end(), from.begin(), from.end());
    EXPECT_NE(at, copy.end()) << from;
    std::copy(to.begin(), to.end(), at);
    return copy;
  };
  put(dir / "newer", changed(R"("karyon_format":"1")", R"("karyon_format":"9")"));
  put(dir / "other", changed("mobilenet_v2_unet", "mobilenet_v9_unet"));
  put(dir / "classes", changed(R"("classes":"2")", R"("classes":"3")"));
  Bytes damaged = bytes, cut = bytes;
  damaged.back() ^= 1;
  cut.resize(cut.size() - 100);
  put(dir / "damaged", damaged);
  put(dir / "cut", cut);
  put(dir / "text", to_bytes("a model?"));
  put(dir / "nothing", {});
  const float zero = 0;
  const std::vector<SafetensorsTensor> foreign{
      {"w", ArchiveType::f32, {1}, {reinterpret_cast<const std::uint8_t*>(&zero), 4}}};
  put(dir / "foreign", encode_safetensors(foreign, {}));
  fs::create_directory(dir / "folder");
  const Words before = tree(dir.path());
  const auto refused = [&](const std::string& model, int status, const Words& parts) {
    expect_failure(infer(dir.path(), {"a.png", "--model", model, "--out", "o"}), "infer_unet", status, parts);
  };
  refused("newer", 65, {"newer", "format 9", "up to 1"});
  refused("other", 65, {"other", "mobilenet_v9_unet", "mobilenet_v2_unet"});
  refused("classes", 65, {"classes", "head/kernel"});
  refused("damaged", 65, {"damaged", "SHA-256"});
  refused("cut", 65, {"cut"});
  refused("text", 65, {"text"});
  refused("nothing", 65, {"nothing"});
  refused("foreign", 65, {"foreign", "not a checkpoint"});
  refused("folder", 65, {"folder", "expected a file"});
  refused("https://example.org/m", 65, {"does not download"});
  refused("absent", 66, {"absent"});
  EXPECT_EQ(tree(dir.path()), before);
}

}  // namespace
}  // namespace karyon
