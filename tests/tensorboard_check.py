#!/usr/bin/env python3
"""Reads a run folder as TensorBoard does: tensorboard_check.py RUN

Every number of RUN/history.csv must be in RUN/tb, once and to the bit of a float32; batches are counted without a gap;
images decode, histograms add up, the graph is wired. The exit status is 0 when all of this holds, 1 with the reason when
it does not, and 77 where PyPI's package tensorboard is not installed.
"""
import csv
import io
import os
import sys

try:
    import numpy as np
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError as missing:
    print(f"{missing} (PyPI: tensorboard)")
    sys.exit(77)


def expect(condition, text):
    if not condition:
        print(text)
        sys.exit(1)


def read(folder):
    expect(os.path.isdir(folder), f"no folder {folder}")
    accumulator = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
    accumulator.Reload()
    expect(accumulator.file_version == 2, f"{folder}: file version {accumulator.file_version}, expected 2")
    return accumulator


def check_history(run, boards):
    with open(os.path.join(run, "history.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expect(rows, "history.csv has no rows")
    expected = {"train": set(), "validation": set()}
    for column in rows[0]:
        if column == "epoch":
            continue
        folder = "validation" if column.startswith("val_") else "train"
        tag = "epoch_" + column.removeprefix("val_")
        expected[folder].add(tag)
        expect(tag in boards[folder].Tags()["scalars"], f"no tag {tag} in {folder}")
        said = [(event.step, np.float32(event.value)) for event in boards[folder].Scalars(tag)]
        wanted = [(int(row["epoch"]), np.float32(float(row[column]))) for row in rows]
        expect(np.array_equal(said, wanted, equal_nan=True), f"{folder} {tag}: {said}, expected {wanted}")
    for folder, board in boards.items():
        tags = {tag for tag in board.Tags()["scalars"] if tag.startswith("epoch_")}
        expect(tags == expected[folder], f"{folder}: tags {tags}, expected {expected[folder]}")


def check_batches(board):
    if "batch_loss" in board.Tags()["scalars"]:
        steps = [event.step for event in board.Scalars("batch_loss")]
        expect(steps == list(range(1, len(steps) + 1)), f"batch_loss has the steps {steps}")


def check_pictures(board):
    for tag in board.Tags()["images"]:
        for event in board.Images(tag):
            picture = Image.open(io.BytesIO(event.encoded_image_string))
            picture.load()
            expect(picture.size == (event.width, event.height), f"{tag}: {picture.size} is not the size said")


def check_histograms(board):
    for tag in board.Tags()["histograms"]:
        for event in board.Histograms(tag):
            value = event.histogram_value
            expect(sum(value.bucket) == value.num, f"{tag}: the buckets hold {sum(value.bucket)} of {value.num}")


def check_graph(board):
    expect(board.Tags()["graph"], "no graph")
    names = set()
    for node in board.Graph().node:
        expect(node.name not in names, f"{node.name} is in the graph twice")
        expect(names.issuperset(node.input), f"{node.name} has an input that is not before it")
        expect(len(node.attr["_output_shapes"].list.shape) == 1, f"{node.name} has no shape")
        names.add(node.name)
    expect(names, "the graph is empty")


def main():
    run = sys.argv[1]
    boards = {folder: read(os.path.join(run, "tb", folder)) for folder in ("train", "validation")}
    check_history(run, boards)
    check_batches(boards["train"])
    for board in boards.values():
        check_pictures(board)
        check_histograms(board)
    check_graph(boards["train"])
    tags = boards["train"].Tags()
    print({kind: len(found) if isinstance(found, list) else found for kind, found in tags.items()})


main()
