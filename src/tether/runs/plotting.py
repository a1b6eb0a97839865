"""Drawings of runs as SVG: curves of one metric, parallel coordinates, and how often values are what."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from tether.runs.metrics import Series

_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0a7ea4", "#57606a")
_DASHES = ("", "6 3", "2 2", "8 3 2 3")
"""How lines are broken: those with one colour, one after the other."""
_WIDTH, _HEIGHT = 800, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 180, 36, 40
_MOST_POINTS = 2000
_TICKS = 5
_AXIS_LABELS = 70
"""Room for what is written at the last axis, before the key."""
_KEY_STEP, _KEY_LINE, _MOST_LETTERS = 16, 60, 26
_AXIS = "#8c959f"


def curves(title: str, lines: Mapping[str, Series]) -> str:
    """Return a drawing of one metric over its steps, a line for each run; what is no number is a gap.

    A line without a name is not told of beside the drawing, which is narrower for it.
    """
    points = {name: thinned(series) for name, series in lines.items()}
    finite = [(step, value) for row in points.values() for step, value in row if math.isfinite(value)]
    across = Scale([step for step, _ in finite], _LEFT, _WIDTH - _RIGHT)
    up = Scale([value for _, value in finite], _HEIGHT - _BOTTOM, _TOP)
    parts = [_text(_LEFT, 22, title, size=15), *_grid(across, up)]
    for number, row in enumerate(points.values()):
        colour, dash = _COLOURS[number % len(_COLOURS)], _dash(number)
        for piece in _pieces(row):
            path = " ".join(f"{across.at(step):.1f},{up.at(value):.1f}" for step, value in piece)
            parts.append(
                f'<polyline fill="none" stroke="{colour}" stroke-width="1.5"{dash} points="{path}"/>'
            )
            if len(piece) == 1:
                x, _, y = path.partition(",")
                parts.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>')
    return _drawing([*parts, *_key(list(lines))], _WIDTH if any(lines) else _WIDTH - _RIGHT + 24)


def parallel(title: str, names: Sequence[str], rows: Mapping[str, Sequence[object]]) -> str:
    """Return a drawing with an axis for each name and a line for each run.

    Texts have their own places on an axis, in order; a line has a gap where a run has no value.
    """
    end = _WIDTH - _RIGHT - _AXIS_LABELS
    gap = (end - _LEFT) / max(len(names) - 1, 1)
    axes = [
        Axis([row[number] for row in rows.values()], _HEIGHT - _BOTTOM, _TOP + 20)
        for number in range(len(names))
    ]
    parts = [_text(20, 22, title, size=15)]
    for number, row in enumerate(rows.values()):
        colour, dash = _COLOURS[number % len(_COLOURS)], _dash(number)
        places = [axis.at(value) for axis, value in zip(axes, row, strict=True)]
        for piece in unbroken(places):
            points = [(_LEFT + gap * at, y) for at, y in piece]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(
                f'<polyline fill="none" stroke="{colour}" stroke-width="1.5"{dash} points="{path}"/>'
            )
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points]
    for number, (name, axis) in enumerate(zip(names, axes, strict=True)):
        x = _LEFT + gap * number
        parts.append(_line((x, _TOP + 20), (x, _HEIGHT - _BOTTOM)))
        parts.append(_text(x, _TOP + 10, name, anchor="middle"))
        # what is written lies over the lines, with a border that keeps it apart from them
        parts.append('<g stroke="#ffffff" stroke-width="6" stroke-linejoin="round" paint-order="stroke">')
        parts += [_text(x + 6, place + 4, text, size=10) for place, text in axis.labels]
        parts.append("</g>")
    return _drawing([*parts, *_key(list(rows))])


def unbroken(places: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return the pieces of a line over numbered axes, cut where there is no place on one."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for number, place in enumerate(places):
        if place is not None:
            pieces[-1].append((number, place))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _dash(number: int) -> str:
    """Return the attribute by which a line is told from others of its colour; empty for the first of each."""
    dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _key(names: Sequence[str]) -> list[str]:
    """Return which colour, and which way of being broken, is which line, as far as there is room."""
    most = (_HEIGHT - _BOTTOM - _TOP) // _KEY_STEP
    shown = names if len(names) <= most else names[: most - 1]
    x, parts = _WIDTH - _RIGHT + 12, []
    for number, name in enumerate(shown):
        written = _text(x, _TOP + _KEY_STEP * number + 8, _shortened(name))
        colour, dash = _COLOURS[number % len(_COLOURS)], _dash(number)
        parts.append(f'<g fill="{colour}">{written}</g>')
        if dash:
            y = _TOP + _KEY_STEP * number + 10
            parts.append(f'<path d="M{x} {y}h{_KEY_LINE}" stroke="{colour}"{dash}/>')
    if len(shown) < len(names):
        more = f"and {len(names) - len(shown)} more"
        parts.append(_text(x, _TOP + _KEY_STEP * len(shown) + 8, more))
    return parts


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 3] + "..."


_BARS = 60


def histogram(title: str, unit: str, rows: Mapping[str, Sequence[float]]) -> str:
    """Return a drawing of how often values are what: a strip of bars for each row, with its median as a line.

    All strips share one scale; its end is where 99.5 % of the values are, and the last bar has the rest.
    """
    values = sorted(value for row in rows.values() for value in row if math.isfinite(value))
    most = values[min(len(values) - 1, math.ceil(0.995 * len(values)))] if values else 1.0
    across = Scale([values[0] if values else 0.0, most], _LEFT, _WIDTH - _RIGHT)
    tall = (_HEIGHT - _TOP - _BOTTOM) / max(len(rows), 1)
    parts = [_text(_LEFT, 22, title, size=15)]
    for number, (name, row) in enumerate(rows.items()):
        bottom = _TOP + tall * (number + 1)
        colour = _COLOURS[number % len(_COLOURS)]
        parts += _bars(row, across, bottom, tall - 14, colour)
        parts.append(_line((_LEFT, bottom), (_WIDTH - _RIGHT, bottom)))
        parts.append(f'<g fill="{colour}">{_text(_WIDTH - _RIGHT + 12, bottom - 4, name)}</g>')
    bottom = _HEIGHT - _BOTTOM + 16
    parts += [
        _text(across.at(at), bottom, figure_text(at), size=10, anchor="middle") for at in across.ticks()
    ]
    parts.append(_text(_WIDTH - _RIGHT + 12, bottom, unit, size=10))
    return _drawing(parts)


def _bars(row: Sequence[float], across: "Scale", bottom: float, tall: float, colour: str) -> list[str]:
    """Return the bars of one row, the tallest `tall`, and the line of its median."""
    width = (_WIDTH - _RIGHT - _LEFT) / _BARS
    counts = [0] * _BARS
    finite = sorted(filter(math.isfinite, row))
    for value in finite:
        counts[max(0, min(_BARS - 1, int((across.at(value) - _LEFT) / width)))] += 1
    most = max(*counts, 1)
    parts = [
        f'<rect x="{_LEFT + width * at:.1f}" y="{bottom - tall * count / most:.1f}" width="{width:.1f}" '
        f'height="{tall * count / most:.1f}" fill="{colour}" fill-opacity="0.6"/>'
        for at, count in enumerate(counts)
        if count
    ]
    if finite:
        x = across.at(finite[len(finite) // 2])
        parts.append(_line((x, bottom), (x, bottom - tall)))
    return parts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class Scale:
    """From values to places of the drawing."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, high = (min(values), max(values)) if values else (0.0, 1.0)
        if self._low == high:
            self._low, high = self._low - 0.5, high + 0.5
        self._high, self._start, self._end = high, start, end

    def at(self, value: float) -> float:
        """Return the place of a value."""
        return self._start + (value - self._low) / (self._high - self._low) * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Return round values on the scale."""
        rough = (self._high - self._low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        first = math.ceil(self._low / step)
        return [step * number for number in range(first, math.floor(self._high / step) + 1)]


class Axis:
    """An axis of parallel coordinates: numbers on a scale, or else texts one above the other, in order.

    Attributes:
        words: The texts, from the first on; empty where all values are numbers.
        labels: Places, and what is written there.
        low: What stands at the start; empty where there are no values.
        high: What stands at the end.
    """

    def __init__(self, values: Sequence[object], start: float, end: float) -> None:
        given = [value for value in values if value is not None]
        numbers = [float(value) for value in given if isinstance(value, int | float) and _is_number(value)]
        self.words: list[str] = []
        if len(numbers) == len(given):
            self._scale = Scale(numbers, start, end)
            self.labels = [(self._scale.at(value), figure_text(value)) for value in self._scale.ticks()]
            ends = (figure_text(min(numbers)), figure_text(max(numbers))) if numbers else ("", "")
        else:
            self.words = sorted({str(value) for value in given})
            self._scale = Scale([0.0, max(len(self.words) - 1.0, 1.0)], start, end)
            self.labels = [(self._scale.at(number), word) for number, word in enumerate(self.words)]
            ends = (self.words[0], self.words[-1])
        self.low, self.high = ends

    def at(self, value: object) -> float | None:
        """Return the place of one of the values; None for None."""
        if value is None:
            return None
        if self.words:
            return self._scale.at(self.words.index(str(value)))
        assert isinstance(value, int | float)
        return self._scale.at(value)


def thinned(series: Series) -> list[tuple[int, float]]:
    """Return the points of a series in order of the steps; of very many, the extremes of each part."""
    points = sorted(zip(series.steps, series.values, strict=True), key=lambda each: each[0])
    if len(points) <= _MOST_POINTS:
        return points
    size = math.ceil(len(points) / (_MOST_POINTS // 2))
    kept = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        ends = {min(part, key=_value_first), max(part, key=_value_first)}
        kept += sorted(ends)
    return kept


def _value_first(point: tuple[int, float]) -> float:
    return -math.inf if math.isnan(point[1]) else point[1]


def _pieces(points: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """Cut a line where a value is not finite."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _grid(across: Scale, up: Scale) -> list[str]:
    left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    parts = [_line((left, bottom), (right, bottom)), _line((left, top), (left, bottom))]
    parts.append(_text(right, bottom + 34, "step", size=10, anchor="end"))
    parts += [
        _text(across.at(value), bottom + 16, figure_text(value), size=10, anchor="middle")
        for value in across.ticks()
    ]
    for value in up.ticks():
        y = up.at(value)
        parts.append(_line((left, y), (right, y), faint=True))
        parts.append(_text(left - 6, y + 4, figure_text(value), size=10, anchor="end"))
    return parts


def figure_text(value: float) -> str:
    """Return a number as it stands at an axis."""
    return f"{value:.6g}"


def _line(start: tuple[float, float], end: tuple[float, float], *, faint: bool = False) -> str:
    (x1, y1), (x2, y2) = start, end
    opacity = ' stroke-opacity="0.25"' if faint else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{_AXIS}"{opacity}/>'


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    clean = "".join(each if each.isprintable() else "?" for each in text)
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(clean)}</text>'


def _drawing(parts: Sequence[str], width: int = _WIDTH) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}" font-family="sans-serif">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>\n"])
