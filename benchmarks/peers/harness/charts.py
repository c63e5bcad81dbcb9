# Charts as SVG, by the standard library alone: bars on a linear scale, dots and lines on logarithmic ones.
import math
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH = 860
MARGIN = 24
ROW = 22
DOT = 5

STYLE = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .note, .tick { fill: #59636e }
  .tick { font-size: 11.5px }
  .strong { font-weight: 600 }
  .card { fill: #ffffff; stroke: #d1d9e0 }
  .grid { stroke: #e4e8ec }
  .axis { stroke: #9aa4ae }
  .ours { fill: #0969da }
  .peer { fill: #8c96a0 }
  .limit { fill: none; stroke: #8c96a0; stroke-width: 1.5; stroke-dasharray: 4 3 }
  .line { fill: none; stroke: #0969da; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note, .tick { fill: #9198a1 }
    .card { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #262c36 }
    .axis { stroke: #656c76 }
    .ours { fill: #4493f8 }
    .peer { fill: #7d8590 }
    .limit { stroke: #9198a1 }
    .line { stroke: #4493f8 }
  }
"""


@dataclass
class Bar:
    name: str
    value: float | None  # without one, only the text is shown
    text: str
    kind: str  # ours, peer or limit


# --- the pieces -------------------------------------------------------------------------------------------------------


def number(value):
    return f"{value:.1f}".rstrip("0").rstrip(".")


def text(x, y, words, style="", anchor="start"):
    return f'<text x="{number(x)}" y="{number(y)}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1, y1, x2, y2, style):
    return f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" class="{style}"/>'


def box(x, y, width, height, style):
    return (f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="2" '
            f'class="{style}"/>')


def dot(x, y, style):
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{DOT}" class="{style}"/>'


def weight(kind):
    return "strong" if kind == "ours" else ""


def width_of(words):
    """About how wide a text is; fonts differ, so leave room."""
    return 7.2 * len(words)


def card(title, note, height, pieces):
    height = number(height)
    pieces = [box(0.5, 0.5, WIDTH - 1, float(height) - 1, "card"), text(MARGIN, 34, title, "title"),
              text(MARGIN, 55, note, "note"), *pieces]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img" aria-label={quoteattr(title)}>\n<style>{STYLE}</style>\n' + "\n".join(pieces) + "\n</svg>\n")


class Linear:
    """From zero, always: the length of a bar means something only then."""

    def __init__(self, most, start, end):
        step = 10 ** math.floor(math.log10(most))
        step *= 0.5 if most / step < 2.5 else 1 if most / step < 5 else 2
        self.ticks = [step * i for i in range(math.floor(most / step) + 1)]
        self.scale = lambda value: start + (end - start) * value / most

    def label(self, value):
        return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


class Logarithmic:
    """Whole decades around the values, narrowed to 2 or 5 times a power of ten."""

    def __init__(self, values, start, end):
        marks = [base * 10.0 ** power for power in range(-6, 10) for base in (1, 2, 5)]
        low = max((mark for mark in marks if mark <= min(values) * 1.0001), default=marks[0])
        high = min((mark for mark in marks if mark >= max(values) / 1.0001), default=marks[-1])
        if high <= low:
            high = low * 10
        span = math.log10(high / low)
        self.ticks = [mark for mark in marks if low <= mark <= high and (span < 2 or math.log10(mark) % 1 < 1e-9)]
        self.scale = lambda value: start + (end - start) * math.log10(value / low) / span

    def label(self, value):
        return f"{value:,.0f}" if value >= 1 else f"{value:g}"


# --- the charts -------------------------------------------------------------------------------------------------------


def grouped(groups, make_axis, draw_row, title, note, axis_title):
    """Rows of named values in groups under each other, all on one axis."""
    names = [row.name for _, rows in groups for row in rows]
    left = MARGIN + max(map(width_of, names)) + 14
    right = WIDTH - MARGIN - 64
    axis = make_axis([row.value for _, rows in groups for row in rows if row.value is not None], left, right)
    y = top = 76
    pieces = []
    for heading, rows in groups:
        pieces.append(text(MARGIN, y + 15, heading, "note strong"))
        y += ROW + 2
        for row in rows:
            pieces.append(text(left - 12, y + 15, row.name, weight(row.kind), "end"))
            if row.value is None:
                pieces.append(text(left + 7, y + 15, row.text, "note"))
            else:
                pieces += draw_row(row, axis, left, y)
            y += ROW
        y += 8
    grid = []
    for tick in axis.ticks:
        grid += [line(axis.scale(tick), top, axis.scale(tick), y, "grid"),
                 text(axis.scale(tick), y + 16, axis.label(tick), "tick", "middle")]
    pieces.append(text(right, y + 33, axis_title, "tick", "end"))
    return card(title, note, y + 48, grid + pieces)


def legend(groups):
    limits = any(row.kind == "limit" for _, rows in groups for row in rows)
    return ["dashed: decodes nothing"] * limits


def bar_chart(title, note, groups):
    def draw_row(row, axis, left, y):
        end = axis.scale(row.value)
        return [box(left, y + 3, max(end - left, 1), ROW - 6, row.kind),
                text(end + 7, y + 15.5, row.text, weight(row.kind))]

    def from_zero(values, *ends):
        return Linear(max(values), *ends)

    return grouped(groups, from_zero, draw_row, title, note, "".join(legend(groups)))


def dot_chart(title, note, groups):
    def draw_row(row, axis, left, y):
        x = axis.scale(row.value)
        return [line(left, y + 11, x - DOT - 1, y + 11, "grid"), dot(x, y + 11, row.kind),
                text(x + DOT + 6, y + 15.5, row.text, weight(row.kind))]

    return grouped(groups, Logarithmic, draw_row, title, note, "; ".join(["logarithmic scale"] + legend(groups)))


def panel_chart(title, note, groups, panels, mark=None):
    """One panel beside the other on equal logarithmic axes; `panels` holds two lines of heading, and a value and its
    text for each row's key. `mark` is a power of ten that is drawn stronger."""
    left = MARGIN + max(width_of(name) for _, rows in groups for _, name, _ in rows) + 10
    gap = 14
    width = (WIDTH - MARGIN - left - gap * (len(panels) - 1)) / len(panels)
    values = [value for _, cells in panels for value, _ in cells.values() if value is not None]
    top = 120
    bottom = top
    pieces, placed = [], []
    for heading, rows in groups:
        pieces.append(text(MARGIN, bottom + 15.5, heading, "note strong"))
        bottom += ROW
        for key, name, kind in rows:
            pieces.append(text(left - 12, bottom + 15.5, name, weight(kind), "end"))
            placed.append((bottom, key, kind))
            bottom += ROW
    for column, (heading, cells) in enumerate(panels):
        start = left + column * (width + gap)
        # Room for a value beside the last dot.
        axis = Logarithmic([1, *values], start + DOT, start + width - 40)
        for number_of_line, words in enumerate(heading):
            pieces.append(text(start, top - 26 + 16 * number_of_line, words, "note strong"))
        for tick in axis.ticks:
            if math.log10(tick) % 1 < 1e-9:
                pieces += [line(axis.scale(tick), top, axis.scale(tick), bottom, "axis" if tick == mark else "grid"),
                           text(axis.scale(tick), bottom + 16, axis.label(tick), "tick", "middle")]
        for y, key, kind in placed:
            value, words = cells.get(key, (None, "-"))
            if value is None:
                pieces.append(text(start + 2 * DOT, y + 15.5, words, "tick"))
            else:
                x = axis.scale(value)
                pieces += [dot(x, y + 11, kind), text(x + DOT + 4, y + 15.5, words, "tick " + weight(kind))]
    key = "logarithmic scales; dashed: decodes nothing; -: not measured or not possible"
    pieces.append(text(WIDTH - MARGIN, bottom + 34, key, "tick", "end"))
    return card(title, note, bottom + 48, pieces)


def line_charts(title, note, x_title, charts):
    """Panels under each other that share a logarithmic x axis; each y axis is logarithmic too."""
    left, right = MARGIN + 50, WIDTH - MARGIN
    height, gap = 140, 40
    y = 96
    every_x = [x for _, points in charts for x, _ in points]
    pieces = []
    for heading, points in charts:
        # Room for the numbers at the points.
        across = Logarithmic(every_x, left + 36, right - 36)
        up = Logarithmic([value for _, value in points], y + height - 8, y + 26)
        pieces.append(text(MARGIN, y - 8, heading, "note strong"))
        for tick in across.ticks:
            pieces.append(line(across.scale(tick), y, across.scale(tick), y + height, "grid"))
        for tick in up.ticks:
            pieces += [line(left, up.scale(tick), right, up.scale(tick), "grid"),
                       text(left - 8, up.scale(tick) + 4, up.label(tick), "tick", "end")]
        route = " ".join(f"{number(across.scale(x))},{number(up.scale(value))}" for x, value in points)
        pieces.append(f'<polyline points="{route}" class="line"/>')
        for x, value in points:
            label = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            pieces += [dot(across.scale(x), up.scale(value), "ours"),
                       text(across.scale(x), up.scale(value) - 9, label, "tick", "middle")]
        y += height + gap
    bottom = y - gap
    for tick in across.ticks:
        pieces.append(text(across.scale(tick), bottom + 17, across.label(tick), "tick", "middle"))
    pieces.append(text(right, bottom + 36, f"{x_title}; all scales logarithmic", "tick", "end"))
    return card(title, note, bottom + 50, pieces)
