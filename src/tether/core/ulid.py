"""Names that sort by age: 26 digits, the first ten of milliseconds since 1970 and the rest drawn.

Source: the ULID specification, https://github.com/ulid/spec; here in small letters.
"""

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
DRAWN_BITS = 80


def make_ulid(micros: int, drawn: int, after: str | None = None) -> str:
    """Return a name for a moment.

    Args:
        micros: Microseconds since 1970.
        drawn: At random, below 2 to the power of 80.
        after: A name that it must sort behind, whatever the clock says.
    """
    number = (micros // 1000 % 2**48) << DRAWN_BITS | drawn
    if after is not None:
        number = max(number, _number(after) + 1)
    digits = [_DIGITS[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5)]
    return "".join(digits)


def _number(name: str) -> int:
    number = 0
    for digit in name:
        number = number << 5 | max(_DIGITS.find(digit), 0)
    return number
