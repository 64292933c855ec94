#!/usr/bin/env python3
"""Runs exported models in ONNX Runtime, and in OpenVINO where it is installed: onnx_check.py FOLDER

FOLDER/*/ holds model.onnx and pairs image_K.npy, logits_K.npy; every logit must come out within 1e-3. The exit status is
0 when all of this holds, 1 with the reason when it does not, and 77 where PyPI's onnxruntime is not installed.
"""
import glob
import os
import sys

try:
    import numpy as np
    import onnxruntime
except ImportError as missing:
    print(f"{missing} (PyPI: onnxruntime)")
    sys.exit(77)
try:
    import onnx
except ImportError:
    onnx = None
try:
    import openvino
except ImportError:
    openvino = None


def runtimes(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    yield "ONNX Runtime", lambda image: session.run(["logits"], {"image": image})[0]
    if openvino is not None:
        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        yield "OpenVINO", lambda image: compiled(image)[0]


models = sorted(glob.glob(os.path.join(sys.argv[1], "*", "model.onnx")))
assert models, "no models"
for path in models:
    if onnx is not None:
        onnx.checker.check_model(path, full_check=True)
    for name, run in runtimes(path):
        images = sorted(glob.glob(os.path.join(os.path.dirname(path), "image_*.npy")))
        assert images, "no images"
        for file in images:
            expected = np.load(file.replace("image_", "logits_"))
            got = run(np.load(file))
            assert got.shape == expected.shape, f"{file}: {name} gives {got.shape}, expected {expected.shape}"
            error = np.abs(got - expected).max()
            print(f"{file} {got.shape} {name}: largest difference {error:.2g} of {np.abs(expected).max():.2g}")
            assert error <= 1e-3 and np.abs(expected).max() > 0.1, f"{file}: {name} differs by {error}"
