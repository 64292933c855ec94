"""OpenVINO on the CPU in float32, compiled for the one shape that it is run with."""

import openvino
from planar import images


def version():
    return f"OpenVINO {openvino.__version__.split('-', maxsplit=1)[0]}"


def load(path, task):
    core, x = openvino.Core(), images(task)
    model = core.read_model(path)
    model.reshape(list(x.shape))
    config = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
              "INFERENCE_NUM_THREADS": task["threads"]}
    request = core.compile_model(model, "CPU", config).create_infer_request()
    return lambda: request.infer({0: x}, share_inputs=True, share_outputs=True)


def set_up(task):
    return load(task["files"][0], task)
