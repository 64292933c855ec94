"""The peers: processes of scripts/peers/serve.py in the interpreter that has their packages.

Invariant: a peer is set up and warmed up once, then sleeps in a read between its rounds, and ends with its stdin.
"""

import glob
import json
import os
import statistics
import subprocess

from benchmark.contest import Failed

WARM_UP = 3
SERVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "peers", "serve.py")


def environment(python):
    """PyTorch with CUDA wants the libraries of its nvidia packages, which its wheel does not always find itself."""
    site = os.path.join(os.path.dirname(os.path.dirname(python)), "lib", "python3*", "site-packages")
    folders = sorted(glob.glob(os.path.join(site, "nvidia", "*", "lib"))) + ["/usr/local/cuda/lib64"]
    known = [os.environ[k] for k in ("LD_LIBRARY_PATH",) if k in os.environ]
    path = ":".join([folder for folder in folders if os.path.isdir(folder)] + known)
    return dict(os.environ, LD_LIBRARY_PATH=path, PYTHONDONTWRITEBYTECODE="1")


def task_of(work, batch, size, threads, way="", files=(), warm_up=WARM_UP):
    return {"work": work, "way": way, "batch": batch, "size": size, "threads": threads, "files": list(files),
            "warm_up": warm_up}


class Peer:
    """An entry: a framework with one task. Failed where it cannot be set up."""

    is_peer = True

    def __init__(self, name, python, system, log_folder):
        self.name, self.peak_mb, self.note, self.version = name, None, "", ""
        self.steps, self.batch = 0, 0
        log = os.path.join(log_folder, "".join(c if c.isalnum() else "_" for c in name) + ".log")
        with open(log, "a", encoding="utf-8") as errors:
            try:
                self.process = subprocess.Popen([python, SERVE, system], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                stderr=errors, text=True, env=environment(python))
            except OSError as fault:
                raise Failed(f"{python}: {fault.strerror}") from fault

    @property
    def pid(self):
        return self.process.pid

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"its process ended ({self.process.wait()})")
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer

    def set_up(self, task, steps):
        """steps: of a round."""
        self.version = self.ask(set_up=task)["version"]
        self.steps, self.batch = steps, task["batch"]
        return self

    def measure(self):
        """Images a second: the median of a round's steps, after one that is not counted."""
        seconds = self.ask(round=self.steps + 1)["seconds"][1:]
        return self.batch / statistics.median(seconds)

    def close(self):
        if self.process.stdin.closed:
            return
        try:
            self.peak_mb = self.ask(memory=1)["peak_mb"]
        except Failed:
            pass
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()
        self.process.stdout.close()
