"""Path patterns as Git's wildmatch reads them, translated to regular expressions.

`*` and `?` stay inside one component, `**` as a whole component stands for any number of
folders, and brackets take ranges, negation by `!` or `^`, escapes and POSIX classes.
The expressions run in time proportional to pattern times path: after each `*` or `**` the
leftmost match of the piece that follows is kept for good (an atomic group), which is enough
because the next wildcard can take up whatever remains.

Source: wildmatch.c of Git, in its WM_PATHNAME mode.
"""

import re
from typing import Final

_ANY: Final = "[^/]"
_STAR: Final = "*"
_SLASH: Final = "/"
_NEVER: Final = "(?!)"

_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-\\/:-@\\[-`{-~",
    "space": "\\t-\\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def translate(pattern: str) -> str | None:
    """Return a regular expression for `fullmatch` on a relative path, or None when nothing can match.

    Nothing matches a pattern that ends in the middle of an escape or a bracket.
    """
    tokens = _tokens(pattern)
    if tokens is None:
        return None
    return _join(_components(tokens))


def _tokens(pattern: str) -> list[str] | None:
    """Split into `*`, `/` and pieces of regular expression that each match one character."""
    tokens: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character in (_STAR, _SLASH):
            tokens.append(character)
        elif character == "?":
            tokens.append(_ANY)
        elif character == "[":
            bracket = _bracket(pattern, at)
            if bracket is None:
                return None
            token, at = bracket
            tokens.append(token)
        elif character == "\\":
            if at == len(pattern):
                return None
            if pattern[at] == _SLASH and _ends_with_stars(tokens):
                # Before a slash that is escaped, `**` stands for one folder at least.
                tokens += [_SLASH, _STAR]
            tokens.append(_literal(pattern[at]))
            at += 1
        else:
            tokens.append(_literal(character))
    return tokens


def _ends_with_stars(tokens: list[str]) -> bool:
    """Say whether the last component so far is a `**`."""
    stars = len(tokens)
    while stars and tokens[stars - 1] == _STAR:
        stars -= 1
    return len(tokens) - stars > 1 and (not stars or tokens[stars - 1] == _SLASH)


def _literal(character: str) -> str:
    return _SLASH if character == _SLASH else re.escape(character)


def _bracket(pattern: str, at: int) -> tuple[str, int] | None:
    """Translate the bracket whose inside begins at `at`; also return where it ends."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    inside: list[str] = []
    first, low = True, ""
    while at < len(pattern) and (first or pattern[at] != "]"):
        first = False
        if low and pattern[at] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
            high, at = _bracket_character(pattern, at + 1)
            if not high:
                return None
            if low <= high:
                inside.append(f"{re.escape(low)}-{re.escape(high)}")
            low = ""
        elif pattern.startswith("[:", at) and (end := _class_end(pattern, at)) > 0:
            known = _CLASSES.get(pattern[at + 2 : end])
            if known is None:
                return None
            inside.append(known)
            low, at = "", end + 2
        else:
            low, at = _bracket_character(pattern, at)
            if not low:
                return None
            inside.append(re.escape(low))
    if at >= len(pattern):
        return None
    return _set(inside, negated=negated), at + 1


def _bracket_character(pattern: str, at: int) -> tuple[str, int]:
    at += pattern[at] == "\\"
    return pattern[at : at + 1], at + 1


def _class_end(pattern: str, at: int) -> int:
    """Return where the `:]` of the class that begins at `at` is, or 0 when the `[:` is plain text."""
    end = pattern.find("]", at + 2)
    return end - 1 if end > at + 2 and pattern[end - 1] == ":" else 0


def _set(inside: list[str], *, negated: bool) -> str:
    members = "".join(inside)
    if negated:
        return f"[^/{members}]"
    return f"(?!/)[{members}]" if members else _NEVER


def _components(tokens: list[str]) -> list[list[str]]:
    components: list[list[str]] = [[]]
    for token in tokens:
        if token == _SLASH:
            components.append([])
        else:
            components[-1].append(token)
    return components


def _join(components: list[list[str]]) -> str:
    """Write the whole expression: runs of components between the `**`s."""
    runs: list[list[str]] = [[]]
    for component in components:
        if len(component) > 1 and all(token == _STAR for token in component):
            runs.append([])
        else:
            runs[-1].append(_component(component))
    if len(runs) == 1:
        return _SLASH.join(runs[0])
    head, *middle, tail = runs
    written = ["".join(f"{part}/" for part in head)]
    folders = ["".join(f"{part}/" for part in run) for run in middle if run]
    written += [f"(?>(?:[^/]*/)*?{run})" for run in folders]
    written.append(f"(?:[^/]*/)*?{_SLASH.join(tail)}" if tail else ".*")
    return "".join(written)


def _component(tokens: list[str]) -> str:
    pieces = [""]
    for token in tokens:
        if token == _STAR:
            pieces.append("")
        else:
            pieces[-1] += token
    if len(pieces) == 1:
        return pieces[0]
    head, *middle, tail = pieces
    written = "".join(f"(?>[^/]*?{piece})" for piece in middle if piece)
    return f"{head}{written}[^/]*{tail}(?![^/])"
