"""Sound and video, played by the browser: it seeks by asking for parts of the contents."""

from tether.pages.viewers.opened import Opened, View
from tether.pages.viewers.wave import length_text, loudness, read_sound, wave_path

AUDIO = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "ogg": "audio/ogg"}
VIDEO = {"mp4": "video/mp4", "matroska": "video/webm"}
LARGEST_DRAWN = 16 * 1024 * 1024
"""Bytes of a sound in another form than WAV that the browser fetches and decodes to draw it.

`wave.js` draws only what says that it lasts no longer than 15 minutes, since few bytes can be a long sound.
"""
_SOUND_ENDINGS = (b".m4a", b".opus", b".oga")
_FILM_ENDINGS = (b".ogv",)


def media_type(kind: str, name: bytes) -> str | None:
    """Return what a file is sent as that a browser may play; None for all others.

    Args:
        kind: What its first bytes say that it is.
        name: Its name, which tells sound from video where a container can hold both.
    """
    if kind == "ogg" and name.lower().endswith(_FILM_ENDINGS):
        return "video/ogg"
    if kind == "mp4" and name.lower().endswith(_SOUND_ENDINGS):
        return "audio/mp4"
    return AUDIO.get(kind) or VIDEO.get(kind)


def show(opened: Opened) -> View | None:
    """Show the player, and how loud it is over its length: a WAV drawn here, others by the browser."""
    kind = media_type(opened.type.kind, opened.place.name)
    if kind is None:
        return None
    words, wave = [opened.type.description], None
    sound = read_sound(opened.read_at, opened.size) if opened.type.kind == "wav" else None
    if sound is not None:
        channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
        bits = f"{sound.bits} bits" + (" float" if sound.is_float else "")
        words = ["WAV audio", length_text(sound.seconds), f"{sound.rate:,} Hz", channels, bits]
        values = loudness(opened.read_at, sound)
        wave = (len(values), wave_path(values))
    film = kind.startswith("video/")
    drawn = not film and wave is None and 0 < opened.size <= LARGEST_DRAWN
    context = {"film": film, "kind": kind, "wave": wave, "drawn": drawn}
    return View("played.html", tuple(words), context)
