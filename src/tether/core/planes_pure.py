"""Sorting the bytes of numbers into planes without the compiled module, with identical results."""

from typing import TYPE_CHECKING, Final

from tether.core.digest import Buffer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUP: Final = 64
"""How many values share a block of 32 bytes in a narrow plane."""

ESCAPE: Final = 15
"""The code of a value that is not among the 15 of a narrow plane."""

_SAMPLES = 2048
_FEW_SAMPLES = 256


def _check_shape(size: int, width: int, rotated: bool) -> None:
    if width not in (2, 4, 8) or (rotated and width == 8) or size % width:
        raise ValueError("planes are of elements of 2, 4 or 8 bytes")


def split(data: Buffer, width: int, rotated: bool) -> bytes:
    """Sort the bytes of little-endian elements by significance: all lowest bytes first, all highest last.

    With `rotated`, each element is turned left by one bit before: the sign of a floating-point
    number becomes its lowest bit, and the highest byte holds eight bits of the exponent.
    """
    import numpy as np

    _check_shape(len(data), width, rotated)
    if rotated:
        words = np.frombuffer(data, dtype=f"<u{width}")
        data = ((words << 1) | (words >> (8 * width - 1))).astype(f"<u{width}").tobytes()
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, width).T.tobytes()


def join(planes: Buffer, width: int, rotated: bool) -> bytes:
    """Undo `split`."""
    import numpy as np

    _check_shape(len(planes), width, rotated)
    count = len(planes) // width
    data = np.frombuffer(planes, dtype=np.uint8).reshape(width, count).T.tobytes()
    if rotated:
        words = np.frombuffer(data, dtype=f"<u{width}")
        data = ((words >> 1) | (words << (8 * width - 1))).astype(f"<u{width}").tobytes()
    return data


def _best_window(values: "NDArray[np.uint8]") -> tuple[int, int]:
    """Return the first of the 15 neighbouring values that are most frequent, and how many those are."""
    import numpy as np

    counts = np.bincount(values, minlength=256)
    sums = np.convolve(counts, np.ones(ESCAPE, dtype=np.int64))[:256]
    last = int(sums.argmax())
    return max(0, last - ESCAPE + 1), int(sums[last])


def narrow(plane: Buffer) -> bytes:
    """Store values of which most are among 15 neighbouring ones in about half their size.

    The result is the base (the least of the 15, from a sample), a 4-bit code for each value (the value
    less the base, or 15 for one outside), then the values outside, in order. A group of 64
    values takes 32 bytes: byte k has the code of value k in its low half and that of value k + 32 in
    its high half.
    """
    import numpy as np

    values = np.frombuffer(plane, dtype=np.uint8)
    base = _best_window(values[:: len(values) // _SAMPLES + 1])[0]
    codes = np.zeros((len(values) + GROUP - 1) // GROUP * GROUP, dtype=np.uint8)
    codes[: len(values)] = np.minimum(values - np.uint8(base), ESCAPE)
    escaped = values[codes[: len(values)] == ESCAPE]
    halves = codes.reshape(-1, 2, GROUP // 2)
    packed: bytes = (halves[:, 0] | (halves[:, 1] << 4)).tobytes()
    outside: bytes = escaped.tobytes()
    return bytes([base]) + packed + outside


def widen(stored: Buffer, count: int) -> bytes:
    """Undo `narrow` for `count` values.

    Raises:
        ValueError: The stored bytes are not those of so many values.
    """
    import numpy as np

    size = (count + GROUP - 1) // GROUP * (GROUP // 2)
    if len(stored) < 1 + size:
        raise ValueError("a narrow plane is cut short")
    packed = np.frombuffer(stored, dtype=np.uint8)
    groups = packed[1 : 1 + size].reshape(-1, 1, GROUP // 2)
    codes = np.concatenate((groups & 15, groups >> 4), axis=1).reshape(-1)[:count]
    outside = codes == ESCAPE
    escaped = packed[1 + size :]
    if int(outside.sum()) != len(escaped):
        raise ValueError("a narrow plane does not add up")
    values = codes + packed[0]
    values[outside] = escaped
    widened: bytes = values.tobytes()
    return widened


def float_lead(data: Buffer, width: int) -> int:
    """Return how many bytes lie before the first floating-point element, or -1 where there seem to be none.

    The exponents of a tensor are few neighbouring values: the lead is the one under which most of a sample
    (at least three quarters) falls into 15 of them.
    """
    import numpy as np

    _check_shape(0, width, True)
    if len(data) < 64:
        return -1
    found, best = -1, 0
    values = np.frombuffer(data, dtype=np.uint8)
    for lead in range(width):
        count = (len(data) - lead) // width
        elements = values[lead : lead + count * width].reshape(count, width)[:: count // _FEW_SAMPLES + 1]
        tops = ((elements[:, -1] << 1) | (elements[:, -2] >> 7)).astype(np.uint8)
        most = _best_window(tops)[1]
        if most >= len(elements) - len(elements) // 4 and most > best:
            found, best = lead, most
    return found


def looks_flat(plane: Buffer) -> bool:
    """Say whether all byte values are about equally frequent in a sample, so that no entropy coder gains."""
    import numpy as np

    values = np.frombuffer(plane, dtype=np.uint8)[:: len(plane) // _SAMPLES + 1]
    counts = np.bincount(values, minlength=256)
    pairs = int((counts * counts).sum())
    # Equal frequencies give n + n^2 / 256 pairs in the mean.
    return 4 * (pairs - len(values)) <= 5 * len(values) ** 2 // 256
