"""What a WAV file says of itself and how loud it is over its length: read from places spread over the file.

The form is that of Microsoft's "Multiple Channel Audio Data and WAVE Files": chunks of a name of 4
bytes and a length of 4, little endian. Nothing in the file is trusted: not its lengths, and not its rates.
"""

import struct
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

PLACES = 240
"""Places of the sound that are looked at, one line of the drawing each."""
_WHOLE = 2 * 1024 * 1024
_WINDOW = 4096
_MOST_CHUNKS = 64
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MOST_CHANNELS = 256
_HEIGHT = 100

Read = Callable[[int, int], bytes]
"""Gives bytes from an offset on, so many; less at the end."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The facts of a WAV file.

    Attributes:
        channels: 1 for mono.
        rate: Samples a second of each channel.
        bits: Of a sample.
        is_float: Samples are floating-point numbers.
        start: Where samples begin in the file.
        size: Bytes of samples that are really there.
    """

    channels: int
    rate: int
    bits: int
    is_float: bool
    start: int
    size: int

    @property
    def frame(self) -> int:
        """Bytes of one moment: a sample of each channel."""
        return self.channels * self.bits // 8

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.size / (self.frame * self.rate)


def read_sound(read: Read, size: int) -> Sound | None:
    """Return the facts of a file of `size` bytes; None for a damaged one and for samples of other forms."""
    head = read(0, 12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, form = 12, None
    for _ in range(_MOST_CHUNKS):
        chunk = read(at, 8)
        if len(chunk) < 8:
            return None
        name, length = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"fmt ":
            form = _form(read(at + 8, min(length, 40)))
        elif name == b"data" and form is not None:
            channels, rate, bits, is_float = form
            found = Sound(channels, rate, bits, is_float, at + 8, max(min(length, size - at - 8), 0))
            return found if found.size >= found.frame else None
        at += 8 + length + length % 2
    return None


def _form(data: bytes) -> tuple[int, int, int, bool] | None:
    if len(data) < 16:
        return None
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data)
    if tag == _EXTENSIBLE and len(data) >= 26:
        (tag,) = struct.unpack_from("<H", data, 24)
    known = (tag == _PCM and bits in (8, 16, 24, 32)) or (tag == _FLOAT and bits in (32, 64))
    if not known or not 1 <= channels <= _MOST_CHANNELS or not rate:
        return None
    return channels, rate, bits, tag == _FLOAT


def loudness(read: Read, sound: Sound) -> list[float]:
    """Return how loud the sound is at each of `PLACES`, from 0 to 1: the largest sample of all channels.

    A small file is read whole. Of others it is a few kilobytes at each place: what is between is missed.
    """
    frames = sound.size // sound.frame
    places = min(PLACES, frames)
    whole = read(sound.start, sound.size) if sound.size <= _WHOLE else None
    found = []
    for place in range(places):
        start, end = (frames * each // places * sound.frame for each in (place, place + 1))
        if whole is not None:
            data = whole[start:end]
        else:
            window = max(_WINDOW // sound.frame, 1) * sound.frame
            data = read(sound.start + start, min(window, end - start))
        found.append(_peak(data, sound))
    return found


def _peak(data: bytes, sound: Sound) -> float:
    width = sound.bits // 8
    data = data[: len(data) // width * width]
    if not data:
        return 0.0
    if sound.bits == 8:  # without a sign, silence is 128
        return max(max(data) - 128, 128 - min(data)) / 128
    if sound.bits == 24:  # the upper 16 of 24 bits are fine enough for a drawing
        data, width = b"".join(data[at + 1 : at + 3] for at in range(0, len(data), 3)), 2
    samples = array({2: "h", 4: "f" if sound.is_float else "i", 8: "d"}[width], data)
    if sys.byteorder == "big":
        samples.byteswap()
    largest = max((abs(each) for each in samples if not isnan(each)), default=0)
    return min(largest if sound.is_float else largest / (1 << (width * 8 - 1)), 1.0)


def wave_path(values: list[float]) -> str:
    """Return the `d` of a path in a box of `len(values)` by 100: a line up and down at each place."""
    half = _HEIGHT / 2
    return "".join(
        f"M{at}.5 {half - max(value * half, 0.5):.1f}V{half + max(value * half, 0.5):.1f}"
        for at, value in enumerate(values)
    )


def length_text(seconds: float) -> str:
    """Return a length as people write it: `0.8 s`, `3:05` or `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
