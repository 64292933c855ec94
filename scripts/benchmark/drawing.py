"""The cost over size as an SVG: two panels, both axes logarithmic, one thread dashed."""

import math

SERIES = (("inference", "Karyon, inference", "#1f77b4"), ("openvino", "OpenVINO, inference", "#d62728"),
          ("training", "Karyon, training", "#2ca02c"))
WIDTH, HEIGHT, LEFT, TOP, GAP, LEGEND = 400, 300, 70, 40, 80, 70


def text(x, y, content, anchor="middle", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{content}</text>'


def line(points, colour, width, dash=""):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def tens(low, high):
    return [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


class Panel:
    def __init__(self, left, rows, key, values):
        self.left, self.rows, self.key = left, rows, key
        self.xs = sorted({row[key] for row in rows})
        self.ys = tens(min(values), max(values))

    def at(self, x, y):
        across = math.log(x / self.xs[0]) / math.log(self.xs[-1] / self.xs[0])
        up = math.log(y / self.ys[0]) / math.log(self.ys[-1] / self.ys[0])
        return self.left + WIDTH * across, TOP + HEIGHT * (1 - up)

    def draw(self, title, x_title):
        parts = [text(self.left + WIDTH / 2, TOP - 14, title, size=14),
                 text(self.left + WIDTH / 2, TOP + HEIGHT + 38, x_title)]
        for y in self.ys:
            left, height = self.at(self.xs[0], y)
            parts += [line([(left, height), (left + WIDTH, height)], "#ddd", 1),
                      text(left - 6, height + 4, f"{y:g}", "end")]
        for x in self.xs:
            place, foot = self.at(x, self.ys[0])
            parts += [line([(place, TOP), (place, foot)], "#eee", 1), text(place, foot + 18, x)]
        for key, _, colour in SERIES:
            for threads in sorted({row["threads"] for row in self.rows}):
                shown = [row for row in self.rows if row["threads"] == threads and key in row]
                points = [self.at(row[self.key], row[key]) for row in shown]
                parts.append(line(points, colour, 2, "5,4" if threads == 1 else ""))
                parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points]
        return parts


def draw_costs(rows):
    """rows: of the section "cost". The SVG's text."""
    values = [row[key] for row in rows for key, _, _ in SERIES if key in row]
    by_batch = [row for row in rows if row["over"] == "batch"]
    by_size = [row for row in rows if row["over"] == "size"]
    side, middle = by_batch[0]["size"], TOP + HEIGHT / 2
    parts = Panel(LEFT, by_batch, "batch", values).draw(f"pictures of {side}x{side}", "pictures a batch")
    count = by_size[0]["batch"]
    parts += Panel(LEFT + WIDTH + GAP, by_size, "size", values).draw(f"batch of {count}", "side in pixels")
    parts.append(f'<g transform="rotate(-90 14 {middle:g})">{text(14, middle, "ms a batch")}</g>')
    foot = TOP + HEIGHT + LEGEND
    drawn = [series for series in SERIES if any(series[0] in row for row in rows)]
    for i, (_, name, colour) in enumerate(drawn):
        x = LEFT + 190 * i
        parts += [line([(x, foot - 4), (x + 24, foot - 4)], colour, 2), text(x + 30, foot, name, "start")]
    most = max(row["threads"] for row in rows)
    parts.append(text(LEFT + 570, foot, f"solid: {most} threads; dashed: 1", "start"))
    width, height = LEFT + 2 * WIDTH + GAP + 20, foot + 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="sans-serif">\n<rect width="100%" height="100%" fill="white"/>\n' +
            "\n".join(parts) + "\n</svg>\n")
