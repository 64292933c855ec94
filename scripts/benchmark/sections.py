"""The comparisons, section by section: who takes part and with which work.

Invariant: all who are compared in a section do the same work on as many threads, in turns.
"""

import shutil
import time

from benchmark.contest import Contest, Failed, ratio_of
from benchmark.correctness import Wrong
from benchmark.karyon import Karyon, run
from benchmark.peers import Peer, task_of

KARYON = "Karyon"
TORCH = (("PyTorch eager, channels_last", "torch", "eager"),
         ("PyTorch torch.compile, channels_last", "torch", "compile"))
KERAS = (("Keras on TensorFlow", "keras", ""),)
RUNTIMES = (("ONNX Runtime", "onnxruntime", ""), ("OpenVINO f32", "openvino", ""))

# section: title, program, its flags, peers, batch, steps a round
THROUGHPUT = {
    "training": ("training, encoder frozen", "train_unet", [], TORCH + KERAS, 32, 5),
    "finetuning": ("fine-tuning, the encoder's batch norm in training mode", "train_unet", ["--no-freeze-encoder"],
                   TORCH + KERAS, 32, 3),
    "inference": ("inference, batch 32", "infer_unet", [], TORCH + KERAS + RUNTIMES, 32, 10),
    "inference-1": ("inference, batch 1", "infer_unet", [], TORCH + KERAS + RUNTIMES, 1, 150),
}
SIZE = 128
COST_BATCHES = (1, 2, 4, 8, 16, 32, 64)
COST_SIZES = (64, 128, 192, 256, 384, 512)
COST_BATCH = 4  # of the sizes
COST_PIXELS = 24 * SIZE * SIZE  # of a round's steps together, at least two
COST_ROUNDS = {"inference": 2, "openvino": 2, "training": 1}
START_SIZE = 256


class Bench:
    """What all sections need: where the programs are, the models, the peers' interpreter and where to say what."""

    def __init__(self, build, models, python, threads, rounds, log_folder, say, progress):
        self.build, self.models, self.python, self.threads = build, models, python, threads
        self.rounds, self.log_folder, self.say, self.progress = rounds, log_folder, say, progress
        self.versions, self.left_out, self.torch_onnx = {}, [], None

    def own(self, name, program, batch, steps, flags, threads=None):
        return Karyon(name, [self.build / program, "--device", "cpu", "--quiet", "--threads", threads or self.threads,
                             "--batch-size", batch, "--bench", steps, *flags])

    def peer(self, name, system):
        return Peer(name, self.python, system, self.log_folder)

    def exports(self):
        """The files that the runtimes may take, by whose they are: ours, and PyTorch's own where there is one."""
        if self.torch_onnx is None:
            path, self.torch_onnx = str(self.models.exports / "torch.onnx"), {}
            torch = None
            try:
                torch = self.peer("torch.onnx export", "torch")
                torch.ask(export=path)
                self.torch_onnx = {"torch.onnx's": path}
            except Failed as reason:
                self.miss("torch.onnx export", reason)
            if torch is not None:
                torch.close()
        return {"Karyon's": str(self.models.onnx("standard")), **self.torch_onnx}

    def fastest_export(self, name, system, task):
        """The file that a runtime runs fastest, and what to say of it; asked in a process of its own, so that what is
        timed holds one model alone."""
        exports = self.exports()
        if len(exports) == 1:
            return list(exports.values()), ""
        chooser = self.peer(name, system)
        try:
            seconds = dict(zip(exports, chooser.ask(choose=dict(task, files=list(exports.values())))["seconds"]))
        finally:
            chooser.close()
        order = sorted(exports, key=seconds.get)
        texts = [f"{whose} {1e3 * seconds[whose]:.2f} ms" for whose in order]
        return [exports[order[0]]], "the export that it runs fastest: " + ", ".join(texts)

    def miss(self, name, reason):
        self.say(f"{name}: left out: {reason}")
        self.left_out.append({"name": name, "reason": str(reason)})

    def set_up(self, peers, work, batch, steps):
        """The peers that there are, ready."""
        ready = []
        for name, system, way in peers:
            self.progress(f"{name}: setting up")
            peer, task, note = None, task_of(work, batch, SIZE, self.threads, way), ""
            try:
                if (name, system, way) in RUNTIMES:
                    task["files"], note = self.fastest_export(name, system, task)
                peer = self.peer(name, system)
                ready.append(peer.set_up(task, steps))
                peer.note, self.versions[system] = note, peer.version
            except Failed as reason:
                self.miss(name, reason)
                if peer is not None:
                    peer.close()
        return ready

    def compare(self, entries, rounds):
        contest = Contest(entries, self.say)
        own = [entry.name for entry in entries if not entry.is_peer]
        contest.run(rounds)
        for missed in contest.left_out:
            if missed["name"] in own:
                raise Wrong(f"{missed['name']}: {missed['reason']}")
        self.left_out += contest.left_out
        if contest.peers_awake > 0.02:
            self.say(f"note: waiting peers used up to {contest.peers_awake:.2f} CPUs while another was timed")
        return contest.results(), contest.peers_awake


def throughput(bench, section):
    title, program, flags, peers, batch, steps = THROUGHPUT[section]
    work = section.split("-", maxsplit=1)[0]
    model = ["--model", bench.models.standard] if program == "infer_unet" else []
    entries = [bench.own(KARYON, program, batch, steps, flags + model), *bench.set_up(peers, work, batch, steps)]
    bench.progress(f"{title}: {bench.rounds} rounds of {steps} steps")
    rows, awake = bench.compare(entries, bench.rounds)
    return {"title": title, "unit": "images/s", "batch": batch, "size": SIZE, "steps_a_round": steps,
            "ratio": ratio_of(rows, KARYON), "peers_awake": awake, "rows": rows}


def int8(bench):
    """Ours in 8 bits against ours in float32; no row where the program refuses."""
    flags = ["--model", bench.models.standard]
    entries = [bench.own("Karyon fp32", "infer_unet", 32, 10, flags),
               bench.own("Karyon int8", "infer_unet", 32, 10, flags + ["--precision", "int8"])]
    tried = run(entries[1].command)
    if tried.status != 0:
        bench.miss("Karyon int8", tried.reason())
        return None
    rows, _ = bench.compare(entries, bench.rounds)
    rate = {row["name"]: row["median"] for row in rows}
    return {"title": "int8 against fp32, inference, batch 32", "unit": "images/s", "batch": 32, "size": SIZE,
            "ratio": rate["Karyon int8"] / rate["Karyon fp32"], "rows": rows}


def cost_cases(threads):
    for count in sorted({1, threads}):
        for batch in COST_BATCHES:
            yield "batch", count, batch, SIZE
        for size in COST_SIZES:
            yield "size", count, COST_BATCH, size


def cost(bench):
    """How time grows with batch, size and threads: ms a batch, the best of the rounds' medians."""
    rows, runtime = [], None
    name, system, _ = RUNTIMES[1]
    try:
        runtime = bench.peer(name, system)
    except Failed as reason:
        bench.miss(name, reason)
    for over, threads, batch, size in cost_cases(bench.threads):
        case = f"{batch} of {size}x{size}, {threads} threads"
        bench.progress(f"cost: {case}")
        steps = max(2, min(50, COST_PIXELS // (batch * size * size)))
        flags = ["--image-size", size]
        entries = {"inference": bench.own("inference", "infer_unet", batch, steps, flags, threads),
                   "training": bench.own("training", "train_unet", batch, min(steps, 6), flags, threads)}
        row = {"over": over, "threads": threads, "batch": batch, "size": size}
        try:
            if runtime is not None:
                task = task_of("inference", batch, size, threads, files=[str(bench.models.onnx("standard"))], warm_up=1)
                entries["openvino"] = runtime.set_up(task, steps)
                bench.versions[system] = runtime.version
        except Failed as reason:
            bench.miss(f"{name}, {case}", reason)
        for number in range(max(COST_ROUNDS.values())):
            for key, entry in list(entries.items()):
                if number >= COST_ROUNDS[key]:
                    continue
                try:
                    row[key] = min(row.get(key, float("inf")), 1e3 * batch / entry.measure())
                except Failed as reason:
                    if not entry.is_peer:
                        raise Wrong(f"{key}, {case}: {reason}") from reason
                    bench.miss(f"{name}, {case}", reason)
                    del entries[key]
        rows.append(row)
    if runtime is not None:
        runtime.close()
    return {"title": "cost over size", "unit": "ms a batch", "rows": rows}


class StartUp:
    """An entry: from no process to its first prediction. start() gives seconds and the peak of memory; what is compared
    is starts a second, so that more is better."""

    note, pid, peak_mb = "", None, None

    def __init__(self, name, is_peer, start):
        self.name, self.is_peer, self.start = name, is_peer, start

    def measure(self):
        seconds, self.peak_mb = self.start()
        return 1 / seconds

    def close(self):
        pass


def start_up(bench):
    """Ours from the program's start to the masks of one picture written; a peer from its interpreter's start to the
    logits of one picture of that size."""
    folder = bench.models.exports.parent / "start"
    made = run([bench.build / "train_unet", "--write-synthetic", 1, "--image-size", START_SIZE, "--quiet", "--out",
                folder])
    if made.status != 0:
        raise Wrong(f"train_unet --write-synthetic: {made.reason()}")
    picture = next(folder.glob("*/images/*.png"))

    def own():
        out = folder / "found"
        done = run([bench.build / "infer_unet", picture, "--device", "cpu", "--threads", bench.threads, "--quiet",
                    "--out", out])
        if done.status != 0 or not any((out / "masks").iterdir()):
            raise Failed(done.reason())
        shutil.rmtree(out)
        return done.seconds, done.peak_mb

    def of_peer(name, system, way):
        def start():
            began = time.monotonic()
            peer = bench.peer(name, system)
            try:
                files = [str(bench.models.onnx("box"))]
                peer.set_up(task_of("inference", 1, START_SIZE, bench.threads, way, files, 0), 1)
                peer.ask(round=1)
                seconds = time.monotonic() - began
            finally:
                peer.close()
            bench.versions[system] = peer.version
            return seconds, peer.peak_mb

        return StartUp(name, True, start)

    entries = [StartUp(KARYON, False, own)] + [of_peer(*peer) for peer in TORCH[:1] + KERAS + RUNTIMES]
    bench.progress(f"start-up: {bench.rounds} rounds")
    rows, _ = bench.compare(entries, bench.rounds)
    return {"title": f"start-up: from no process to the first prediction, one picture of {START_SIZE}x{START_SIZE}",
            "unit": "starts/s", "ratio": ratio_of(rows, KARYON), "rows": rows}
