#!/usr/bin/env python3
"""One peer as a process that is told over stdin what to do: serve.py torch|keras|onnxruntime|openvino

A request and its answer are one line of JSON each:
  {"set_up": TASK}   {"version": TEXT}    imports, builds and warms up
  {"round": N}       {"seconds": [...]}   N steps, one after the other
  {"memory": 1}      {"peak_mb": X}       the most that the process has held
  {"choose": TASK}   {"seconds": [...]}   the runtimes of ONNX: a step's time on each of the files
  {"export": FILE}   {}                   torch: its network as ONNX
What fails is answered {"failed": REASON}. TASK: work (training, finetuning, inference), way, batch, size, threads,
warm_up, files. Between requests the process sleeps in a read, and it ends with its input.
"""

import importlib
import json
import os
import resource
import sys
import time


def timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


class Server:
    def __init__(self, system):
        self.system, self.module, self.step = system, None, None

    def answer(self, request):
        if "memory" in request:
            return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        if "round" in request:
            return {"seconds": [timed(self.step) for _ in range(request["round"])]}
        self.module = self.module or importlib.import_module(f"{self.system}_peer")
        if "choose" in request:
            from planar import choose  # pylint: disable=import-outside-toplevel

            return {"seconds": choose(self.module.load, request["choose"])}
        if "export" in request:
            self.module.export(request["export"])
            return {}
        task = request["set_up"]
        self.step = self.module.set_up(task)
        for _ in range(task["warm_up"]):
            self.step()
        return {"version": self.module.version()}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print what they like
    server = Server(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except Exception as fault:  # the next request may still be served
            text = " ".join(str(fault).split())
            answer = {"failed": f"{type(fault).__name__}: {text[:300]}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
