"""Who is timed, in turns: every entry once a round, in an order that rotates.

Invariant: an entry's figure is made of its rounds alone, each the median of its steps; an entry that fails is named and
left out, and the others go on.
"""

import statistics
import time


class Failed(Exception):
    """Why an entry is not there, in one line."""


def rotated(entries, number):
    start = number % len(entries) if entries else 0
    return entries[start:] + entries[:start]


def cpu_seconds(pid):
    """CPU time that a process has used until now, all its threads together."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Contest:
    """entries: objects with name, is_peer, note, peak_mb, measure() that gives images a second (or whatever is
    compared: more is better), close(), and pid: of the process that must sleep while another entry is timed, or
    None."""

    def __init__(self, entries, say):
        self.entries, self.say, self.left_out = list(entries), say, []
        self.rounds = {entry.name: [] for entry in entries}
        self.peers_awake = 0.0  # the most CPUs that waiting peers used while an entry was timed

    def run(self, rounds):
        for number in range(rounds):
            for entry in rotated(list(self.entries), number):
                waiting = [other.pid for other in self.entries if other.pid is not None and other is not entry]
                start, before = time.monotonic(), sum(map(cpu_seconds, waiting))
                try:
                    self.rounds[entry.name].append(entry.measure())
                except Failed as reason:
                    self.drop(entry, reason)
                    continue
                used = sum(map(cpu_seconds, waiting)) - before
                self.peers_awake = max(self.peers_awake, used / (time.monotonic() - start))
        for entry in list(self.entries):
            entry.close()

    def drop(self, entry, reason):
        self.say(f"{entry.name}: left out: {reason}")
        self.left_out.append({"name": entry.name, "reason": str(reason)})
        self.entries.remove(entry)
        del self.rounds[entry.name]
        entry.close()

    def results(self):
        """A row an entry, fastest first, and the ratio of each to the best peer (None without peers)."""
        rows = []
        for entry in self.entries:
            values = self.rounds[entry.name]
            median = statistics.median(values)
            rows.append({"name": entry.name, "peer": entry.is_peer, "median": median, "best": max(values),
                         "spread": (max(values) - min(values)) / median, "rounds": values, "peak_mb": entry.peak_mb,
                         "note": entry.note})
        best = max((row["median"] for row in rows if row["peer"]), default=None)
        for row in rows:
            row["of_best_peer"] = row["median"] / best if best else None
        return sorted(rows, key=lambda row: -row["median"])


def ratio_of(rows, name):
    """Entry `name` against the best peer; None where one of them is missing."""
    return next((row["of_best_peer"] for row in rows if row["name"] == name), None)
