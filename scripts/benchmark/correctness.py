"""Before any figure: do the programs that are timed compute the same?

Invariant: what is compared here are the very models that are timed. A check that cannot be made here is said in a line;
one that fails raises Wrong, and nothing is timed.
"""

import os
import re

from benchmark.karyon import run
from benchmark.peers import environment

NOT_INSTALLED = 77
REFERENCES = ("keras_unet_frozen.safetensors", "keras_unet_finetune.safetensors")


class Wrong(Exception):
    """What does not compute the same."""


def must(done, what):
    if done.status != 0:
        raise Wrong(f"{what}: {done.reason()}")
    return done.text


class Models:
    """The two models that are timed, made by our programs: the standard network of two classes, hardly trained (its
    logits must be large enough to compare), and the model in the box; both exported as ONNX."""

    def __init__(self, build, folder, threads):
        must(run([build / "train_unet", "--synthetic-images", 20, "--epochs", 2, "--batch-size", 4, "--lr", 0.01,
                  "--minimal", "--quiet", "--threads", threads, "--out", folder / "run"]), "train_unet")
        self.standard = folder / "run" / "weights" / "last.safetensors"
        self.exports = folder / "exports"
        for name, model in (("standard", ["--model", self.standard]), ("box", [])):
            os.makedirs(self.exports / name)
            must(run([build / "infer_unet", *model, "--export-onnx", self.onnx(name)]), "infer_unet --export-onnx")

    def onnx(self, name):
        return self.exports / name / "model.onnx"


def check_exports(root, build, models, python, say):
    must(run([build / "logits_tool", models.exports / "standard", models.standard]), "logits_tool")
    must(run([build / "logits_tool", models.exports / "box"]), "logits_tool")
    done = run([python, root / "tests" / "onnx_check.py", models.exports], env=environment(python))
    if done.status == NOT_INSTALLED:
        say(f"exported ONNX: not checked: {done.text.strip()}")
        return None
    text = must(done, "exported ONNX")
    worst = {}
    for runtime, error in re.findall(r" (ONNX Runtime|OpenVINO): largest difference ([-+.e0-9]+)", text):
        worst[runtime] = max(worst.get(runtime, 0), float(error))
    for runtime, error in worst.items():
        say(f"exported ONNX in {runtime}: every logit within {error:.2g} of ours (allowed 1e-3)")
    if "OpenVINO" not in worst:
        say("exported ONNX in OpenVINO: not checked: it is not installed")
    return worst


def check_keras(root, build, say):
    reference = os.path.join(os.environ.get("KARYON_SHARED", root / ".." / "shared"), "reference")
    files = [os.path.join(reference, name) for name in REFERENCES]
    if not all(map(os.path.exists, files)):
        say(f"parity with Keras: not checked: there are no reference files in {os.path.normpath(reference)}")
        return None
    said = []
    for file in files:
        said.append(must(run([build / "keras_parity", file]), "parity with Keras").strip().splitlines()[-1])
        say(f"parity with Keras, {os.path.basename(file)}: {said[-1]}")
    return said
