#!/usr/bin/env python3
"""Tests a model folder as `bioimageio test` does, without a network: bioimageio_check.py FOLDER

The exit status is 0 when the format is valid and the test tensors come out, 1 with the reason when not, and 77 where
PyPI's bioimageio.core or onnxruntime is not installed, or bioimageio.spec does not work with the pydantic beside it.
"""
import os
import sys

try:
    import onnxruntime  # noqa: F401
    from bioimageio.core import test_description
except ImportError as missing:
    print(f"{missing} (PyPI: bioimageio.core, onnxruntime)")
    sys.exit(77)
from bioimageio.spec import ValidationContext
from bioimageio.spec.model.v0_5 import OnnxWeightsDescr

try:
    # Of any file; bioimageio.spec 0.5.12 cannot write one out with pydantic 2.14, but can with 2.12.
    with ValidationContext(perform_io_checks=False):
        OnnxWeightsDescr(source=os.path.abspath(__file__), opset_version=13).model_dump(mode="json")
except Exception as broken:
    print(f"bioimageio.spec does not work with this pydantic (install pydantic<2.13): {broken}")
    sys.exit(77)

with ValidationContext(perform_io_checks=True):
    summary = test_description(os.path.join(sys.argv[1], "rdf.yaml"))
if summary.status != "passed":
    print(summary.format())
    sys.exit(1)
print(summary.status)
