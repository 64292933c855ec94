"""Karyon's own programs as they are run by anyone: a process a measurement."""

import os
import re
import subprocess
import tempfile
import time

from benchmark.contest import Failed

PROGRAMS = ("train_unet", "infer_unet", "op_bench", "keras_parity", "logits_tool")


class Finished:
    def __init__(self, status, text, errors, seconds, peak_mb):
        self.status, self.text, self.errors, self.seconds, self.peak_mb = status, text, errors, seconds, peak_mb

    def reason(self):
        lines = (self.errors or self.text).strip().splitlines()
        return f"exit {self.status}" + (f": {lines[-1][:300]}" if lines else "")


def run(command, **options):
    """Runs a command to its end; what it says, how long it took and the most memory that it held."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.monotonic()
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 **options)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Finished(child.returncode, out.read(), err.read(), seconds, usage.ru_maxrss / 1024)


class Karyon:
    """An entry: a program with --bench."""

    is_peer, note, pid = False, "", None

    def __init__(self, name, command):
        self.name, self.command, self.peak_mb = name, command, None

    def measure(self):
        done = run(self.command)
        found = re.search(r"images/s median ([0-9.]+)", done.text)
        if done.status != 0 or found is None:
            raise Failed(done.reason())
        self.peak_mb = max(self.peak_mb or 0, done.peak_mb)
        return float(found.group(1))

    def close(self):
        pass
