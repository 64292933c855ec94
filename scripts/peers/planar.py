"""What the runtimes of ONNX share: the images, and the choice between several files of the same network.

Invariant: which file a runtime runs fastest is seen in alternation, on the task's own images and threads.
"""

import time

import numpy

ALTERNATIONS = 5
SECONDS = 0.3  # a file and alternation, at least one step


def images(task):
    shape = (task["batch"], 3, task["size"], task["size"])
    return numpy.random.default_rng(1).random(shape, dtype=numpy.float32) * 255


def mean_seconds(step):
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < SECONDS:
        step()
        count += 1
    return (time.perf_counter() - start) / count


def choose(load, task):
    """load(path, task) gives a step. Seconds a step of each of the task's files, the best of the alternations."""
    steps = [load(path, task) for path in task["files"]]
    for step in steps:
        step()
    return [min(times) for times in zip(*[[mean_seconds(step) for step in steps] for _ in range(ALTERNATIONS)])]
