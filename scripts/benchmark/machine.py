"""What the figures were measured on and with."""

import os
import platform
import re
import subprocess

VECTOR = re.compile(r"^(sse4_2|avx|avx2|fma|f16c|avx_vnni|avx512\w*|amx_\w+)$")


def cpus_allowed():
    return len(os.sched_getaffinity(0))


def processor():
    """Name and vector extensions, from /proc/cpuinfo."""
    facts = {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    flags = facts.get("flags", facts.get("Features", "")).split()
    return facts.get("model name", platform.machine()), sorted(flag for flag in flags if VECTOR.match(flag))


def commit(root):
    command = ["git", "-C", root, "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def describe(root):
    name, features = processor()
    waits = {key: value for key, value in os.environ.items() if key.startswith(("OMP_", "KMP_", "GOMP_"))}
    return {"cpu": name, "features": features, "cpus_allowed": cpus_allowed(), "system": platform.platform(),
            "load_before": os.getloadavg()[0], "commit": commit(root), "openmp_variables": waits}
