"""The results as text.

Invariant: nothing is computed here; what is printed is in the JSON as well.
"""

def ratio_text(value):
    return "" if value is None else f"{value:.2f}"


def rates(section):
    """A table of a comparison; of a start-up in seconds."""
    starts = section["unit"] == "starts/s"
    lines = [section["title"], f"  {'':<38} {'seconds' if starts else section['unit']:>9} {'best':>8} {'spread':>7} "
             f"{'to best peer':>13} {'peak MB':>8}"]
    for row in section["rows"]:
        median, best = ((1 / row["median"], 1 / row["best"]) if starts else (row["median"], row["best"]))
        digits = 2 if starts else 1
        peak = "" if row["peak_mb"] is None else f"{row['peak_mb']:.0f}"
        lines.append(f"  {row['name']:<38} {median:>9.{digits}f} {best:>8.{digits}f} {100 * row['spread']:>6.1f}% "
                     f"{ratio_text(row['of_best_peer']):>13} {peak:>8}")
    if not any(row["peer"] for row in section["rows"]) and section["ratio"]:
        lines.append(f"  ratio {section['ratio']:.2f}")
    lines += [f"  {row['name']}: {row['note']}" for row in section["rows"] if row["note"]]
    return "\n".join(lines)


def cell(row, key):
    return "" if row.get(key) is None else f"{row[key]:.2f}"


def costs(section):
    lines = [f"{section['title']}, {section['unit']}",
             f"  {'threads':>7} {'batch':>5} {'size':>4} {'inference':>10} {'OpenVINO':>10} {'training':>10} "
             f"{'images/s':>9} {'Mpixel/s':>9}"]
    for row in section["rows"]:
        rate = pixels = ""
        if row.get("inference") is not None:
            images = 1e3 * row["batch"] / row["inference"]
            rate, pixels = f"{images:.1f}", f"{images * row['size'] ** 2 / 1e6:.2f}"
        lines.append(f"  {row['threads']:>7} {row['batch']:>5} {row['size']:>4} {cell(row, 'inference'):>10} "
                     f"{cell(row, 'openvino'):>10} {cell(row, 'training'):>10} {rate:>9} {pixels:>9}")
    return "\n".join(lines)
