"""ONNX Runtime on the CPU, with all graph optimisations (its default)."""

import onnxruntime
from planar import images


def version():
    return f"ONNX Runtime {onnxruntime.__version__}"


def load(path, task):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task["threads"]
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name, x = session.get_inputs()[0].name, images(task)
    return lambda: session.run(None, {name: x})


def set_up(task):
    return load(task["files"][0], task)
