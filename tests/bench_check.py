#!/usr/bin/env python3
"""Checks scripts/bench: bench_check.py BUILD, BUILD the folder of the programs

The rules of the contest on entries that are made up, and a whole run of one short section. The exit status is 0 when
all of it holds, else 1 with the reason. Needs Python's standard library alone.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from benchmark import drawing, sections  # pylint: disable=wrong-import-position
from benchmark.contest import Contest, Failed, ratio_of  # pylint: disable=wrong-import-position
from benchmark.karyon import Karyon  # pylint: disable=wrong-import-position
from benchmark.peers import Peer, task_of  # pylint: disable=wrong-import-position


class Entry:
    """Gives the values in turn, and fails where one is None."""

    note, peak_mb, pid = "", None, None

    def __init__(self, name, is_peer, values, log):
        self.name, self.is_peer, self.values, self.log, self.closed = name, is_peer, list(values), log, False

    def measure(self):
        self.log.append(self.name)
        value = self.values.pop(0)
        if value is None:
            raise Failed("it broke")
        return value

    def close(self):
        self.closed = True


def check_contest():
    log, said = [], []
    entries = [Entry("a", False, [10, 30, 20], log), Entry("b", True, [5, 4, 6], log), Entry("c", True, [9, None], log),
               Entry("d", True, [8, 8, 8], log)]
    contest = Contest(entries, said.append)
    contest.run(3)
    assert log == list("abcd" "bcda" "dab"), f"the order of the rounds is {''.join(log)}"
    assert said == ["c: left out: it broke"] and contest.left_out == [{"name": "c", "reason": "it broke"}], said
    assert all(entry.closed for entry in entries)
    rows = contest.results()
    assert [row["name"] for row in rows] == ["a", "d", "b"], rows
    first = rows[0]
    assert (first["median"], first["best"], first["spread"]) == (20, 30, 1), first
    assert ratio_of(rows, "a") == 20 / 8 and ratio_of(rows, "d") == 1 and ratio_of(rows, "c") is None, rows
    alone = Contest([Entry("a", False, [1], log)], said.append)
    alone.run(1)
    assert ratio_of(alone.results(), "a") is None, "a ratio without peers"


def failure_of(action):
    try:
        action()
    except Failed as reason:
        return str(reason)
    raise AssertionError("nothing failed")


def check_failures(folder):
    peer = Peer("no such peer", sys.executable, "nosuch", folder)
    reason = failure_of(lambda: peer.set_up(task_of("inference", 1, 32, 1), 1))
    peer.close()
    assert "ModuleNotFoundError" in reason and peer.process.returncode == 0, reason
    assert "exit 3" in failure_of(Karyon("one that fails", [sys.executable, "-c", "exit(3)"]).measure)
    line = "print('images/s median 12.5 best 13.0')"
    assert Karyon("one that works", [sys.executable, "-c", line]).measure() == 12.5


def check_drawing():
    rows = [dict(over=over, threads=threads, batch=batch, size=size, inference=2.0 * batch * size, training=9.0)
            for over, threads, batch, size in sections.cost_cases(2)]
    curves = [part for part in xml.etree.ElementTree.fromstring(drawing.draw_costs(rows)).iter()
              if part.tag.endswith("circle")]
    assert len(curves) == 2 * len(rows), f"{len(curves)} points are drawn"


def check_run(build, folder):
    out = folder / "results"
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "--build", build, "--only", "start-up", "--rounds", "1",
               "--out", str(out)]
    environment = dict(os.environ, KARYON_SHARED=str(folder / "none"))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["training not compared", "inference not compared"], lines
    assert any(line.startswith("parity with Keras: not checked") for line in lines), lines
    document = json.loads((out / "bench.json").read_text(encoding="utf-8"))
    rows = document["sections"]["start-up"]["rows"]
    own = next(row for row in rows if row["name"] == "Karyon")
    assert own["median"] > 0 and own["peak_mb"] > 10 and len(own["rounds"]) == 1, own
    assert len(rows) + len(document["left_out"]) == 5, document
    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert again.returncode == 73 and "expected a new or an empty folder" in again.stderr, again.stderr


def main():
    check_contest()
    check_drawing()
    with tempfile.TemporaryDirectory() as folder:
        check_failures(folder)
        check_run(sys.argv[1], pathlib.Path(folder))


main()
