#!/usr/bin/env python3
"""nuclei_check.py NUCLEI_TOOL FOLDER: apps/nuclei against scikit-image, SciPy and StarDist on random cases.

Writes cases into FOLDER, runs the tool over them and compares. Exit status 0: all equal; 1: not, each difference
printed; 77: a package is missing.
"""
import json
import pathlib
import subprocess
import sys

try:
    import numpy as np
    from scipy import ndimage
    from skimage import measure, segmentation
    from stardist import matching
except ImportError as missing:
    print(f"not installed: {missing}")
    sys.exit(77)

THRESHOLDS = [k / 20 for k in range(10, 20)]
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)


def blobs(random, height, width, sigma, share):
    """Rounded shapes that touch, `share` of the picture."""
    field = ndimage.gaussian_filter(random.random((height, width)), sigma)
    return field > np.quantile(field, 1 - share)


def masks(random):
    for height, width in [(64, 80), (37, 53), (128, 96)]:
        for sigma in (1.0, 2.5, 4.0):
            yield blobs(random, height, width, sigma, 0.35)
    for share in (0.1, 0.5, 0.6, 0.9):
        yield random.random((40, 61)) < share
    for shape in [(1, 50), (50, 1), (1, 1), (2, 2), (33, 17)]:
        yield random.random(shape) < 0.6
    yield np.zeros((20, 30), bool)
    yield np.ones((20, 30), bool)


def label_images(random, mask):
    """A truth, and a prediction that is some of it, shifted and cut; some numbers are missing."""
    truth = measure.label(mask, connectivity=1)
    predicted = np.roll(truth, random.integers(0, 3, 2), (0, 1)) * (random.random(mask.shape) < 0.97)
    gone = random.random(predicted.max() + 1) < 0.1
    predicted[gone[predicted]] = 0
    return truth, predicted


def landscape_and_markers(random, mask, ties):
    """Heights with ties or without; marker pixels have heights of their own, so that all order is defined."""
    levels = random.integers(0, 6, mask.shape) if ties else random.permutation(mask.size).reshape(mask.shape) - mask.size // 2
    heights = levels.astype(np.float32)
    markers = np.zeros(mask.shape, np.float32)
    places = np.flatnonzero(random.random(mask.shape) < 0.02)
    markers.flat[places] = 1 + random.permutation(len(places)) // 2
    if ties:
        heights.flat[places] += (0.5 * (1 + random.permutation(len(places))) / (1 + len(places))).astype(np.float32)
    return heights, markers


def write_cases(folder):
    random = np.random.default_rng(7)
    for number, mask in enumerate(masks(random)):
        case = folder / f"{number:02}"
        case.mkdir()
        truth, predicted = label_images(random, mask)
        heights, markers = landscape_and_markers(random, mask, number % 2 == 0)
        probability = ndimage.gaussian_filter(mask.astype(float), 0.7)
        arrays = {
            "mask": mask, "landscape": heights, "markers": markers, "truth": truth, "predicted": predicted,
            "samples": random.integers(0, 65536, (*mask.shape, 3)),
            "foreground": np.round(255 * probability),
            "interior": np.round(255 * ndimage.grey_erosion(probability, 3)),
        }
        for name, array in arrays.items():
            np.save(case / f"{name}.npy", np.ascontiguousarray(array, np.float32))


def load(case):
    return {file.stem: np.load(file) for file in case.glob("*.npy")}


def check_planes(case, given):
    mask = given["mask"] > 0
    plane = lambda name: np.fromfile(case / f"{name}.f32", np.float32).reshape(mask.shape)
    for connectivity in (1, 2):
        wanted = measure.label(mask, connectivity=connectivity)
        expect((plane(f"components{connectivity}") == wanted).all(), f"{case.name}: components {connectivity}")
        wanted = segmentation.watershed(given["landscape"], given["markers"].astype(int), connectivity, mask=mask)
        expect((plane(f"watershed{connectivity}") == wanted).all(), f"{case.name}: watershed {connectivity}")
    distance = plane("distance")
    if mask.all():
        expect(np.isinf(distance).all(), f"{case.name}: distance without background")
    else:
        wanted = ndimage.distance_transform_edt(mask).astype(np.float32)
        expect((distance == wanted).all(), f"{case.name}: distance")
    wanted = ndimage.gaussian_filter(given["landscape"].astype(float), 1.5)
    expect(np.allclose(plane("smoothed"), wanted, rtol=1e-4, atol=1e-2), f"{case.name}: smoothing")


def check_regions(case, given):
    truth = given["truth"].astype(int)
    got = np.loadtxt(case / "regions.txt", ndmin=2) if truth.any() else np.zeros((0, 14))
    wanted = [
        [r.label, r.area, *r.centroid, *r.bbox, r.eccentricity, r.axis_major_length, r.axis_minor_length, *r.intensity_mean]
        for r in measure.regionprops(truth, given["samples"].astype(float))
    ]
    wanted = np.array(wanted).reshape(-1, 14)
    expect(got.shape == wanted.shape and np.allclose(got, wanted, rtol=1e-9, atol=1e-6), f"{case.name}: regions")


def check_runs(case, given):
    truth = given["truth"].astype(int)
    decoded = np.zeros(truth.size, int)
    for label, line in enumerate((case / "runs.txt").read_text().splitlines(), 1):
        numbers = [int(number) for number in line.split()]
        starts = numbers[::2]
        expect(starts == sorted(starts), f"{case.name}: runs in order")
        for start, length in zip(starts, numbers[1::2]):
            decoded[start - 1 : start - 1 + length] += label
    expect((decoded.reshape(truth.shape[::-1]).T == truth).all(), f"{case.name}: runs")
    got = np.fromfile(case / "decoded.f32", np.float32).reshape(truth.shape)
    expect((got == truth).all(), f"{case.name}: decoded runs")


def check_rows(got, stats, name):
    for row, s in zip(got, stats):
        if s.n_true + s.n_pred == 0:
            expect((row == [0, 0, 0, 1, 1, 1, 1]).all(), f"{name}: scores of nothing")
            continue
        wanted = [s.tp, s.fp, s.fn, s.precision, s.recall, s.f1, s.accuracy]
        expect(np.allclose(row, wanted, rtol=1e-12), f"{name}: AP at {s.thresh}: {row} for {wanted}")


def check_scores(case, given):
    got = np.loadtxt(case / "scores.txt")
    truth, predicted = given["truth"].astype(int), given["predicted"].astype(int)
    check_rows(got[:10], matching.matching(truth, predicted, thresh=THRESHOLDS), case.name)
    above = [t + 1e-6 for t in THRESHOLDS]
    check_rows(got[10:], matching.matching(truth, predicted, thresh=above), case.name + " above")


def shoelace(ring):
    x, y = np.array(ring).T
    return (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2


def check_split(case, given):
    for name in ("by_interior", "by_distance"):
        labels = np.fromfile(case / f"{name}.f32", np.float32).reshape(given["mask"].shape).astype(int)
        places = [np.flatnonzero(labels == label)[0] for label in range(1, labels.max() + 1)]
        expect(places == sorted(places), f"{case.name}: {name} numbered by first pixel")
        for label in range(1, labels.max() + 1):
            expect(measure.label(labels == label, connectivity=1).max() == 1, f"{case.name}: {name} in one piece")
    features = json.loads((case / "outlines.geojson").read_text())["features"]
    expect(len(features) == labels.max(), f"{case.name}: an outline a nucleus")
    for feature in features:
        rings = feature["geometry"]["coordinates"]
        area = (labels == feature["properties"]["label"]).sum()
        expect(feature["properties"]["area"] == area == sum(map(shoelace, rings)), f"{case.name}: outline's area")
        for ring in rings:
            expect(ring[0] == ring[-1] and len(set(map(tuple, ring))) == len(ring) - 1, f"{case.name}: a ring touches itself")


def main():
    tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    write_cases(folder)
    subprocess.run([tool, folder], check=True)
    cases = [(case, load(case)) for case in sorted(folder.iterdir()) if case.is_dir()]
    for check in (check_planes, check_regions, check_runs, check_scores, check_split):
        for case, given in cases:
            check(case, given)
    truths, predictions = zip(*((g["truth"].astype(int), g["predicted"].astype(int)) for _, g in cases))
    pooled = matching.matching_dataset(truths, predictions, thresh=THRESHOLDS, show_progress=False)
    check_rows(np.loadtxt(folder / "total.txt"), pooled, "all")
    print("\n".join(failures) or f"{len(cases)} cases equal")
    sys.exit(1 if failures else 0)


main()
