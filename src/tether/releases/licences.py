"""Which licences are open: those that the Open Source Initiative approved, and some for data and texts."""

import re
from functools import lru_cache

_CODE = frozenset(
    """
    0BSD AFL-3.0 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-2.0
    BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSL-1.0
    CAL-1.0 CDDL-1.0 CECILL-2.1 ECL-2.0 EFL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 GPL-2.0 GPL-2.0-only
    GPL-2.0-or-later GPL-3.0 GPL-3.0-only GPL-3.0-or-later HPND ICU ISC LGPL-2.1 LGPL-2.1-only
    LGPL-2.1-or-later LGPL-3.0 LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MIT-CMU MPL-2.0 MS-PL MS-RL
    MulanPSL-2.0 NCSA OSL-3.0 PostgreSQL PSF-2.0 Python-2.0 QPL-1.0 UPL-1.0 Unicode-3.0 Unlicense W3C
    Zlib ZPL-2.1
    """.split()  # noqa: SIM905
)
_CONTENT = frozenset(
    """
    CC0-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0
    CDLA-Sharing-1.0 GFDL-1.3-only GFDL-1.3-or-later LAL-1.3 ODbL-1.0 ODC-By-1.0 OGL-UK-3.0 PDDL-1.0
    """.split()  # noqa: SIM905
)
_EVERYTHING = frozenset(["CC0-1.0", "Unlicense", "0BSD", "OpenMDW-1.0"])
"""Made for code, data and texts alike."""
_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9.+-]+)")


_MOST_BRACKETS = 100
"""In one expression: whoever may push writes what they like."""


@lru_cache(maxsize=1024)
def is_open(expression: str) -> bool:
    """Return whether an SPDX expression is an open licence: of `OR` one part is enough, of `AND` all are."""
    return _holds(expression, _CODE | _CONTENT | _EVERYTHING)


@lru_cache(maxsize=1024)
def is_fitting(expression: str, sort: str) -> bool:
    """Return whether a licence was made for `code`, or for what is not code (`data`, `document`)."""
    return _holds(expression, _EVERYTHING | (_CODE if sort == "code" else _CONTENT))


def _holds(expression: str, good: frozenset[str]) -> bool:
    tokens = _TOKEN.findall(expression)
    if "".join(tokens) != "".join(expression.split()) or tokens.count("(") > _MOST_BRACKETS:
        return False
    tokens.reverse()
    return _either(tokens, good) and not tokens


def _either(tokens: list[str], good: frozenset[str]) -> bool:
    """Take an expression from the end of a list, which has the words the other way round."""
    held = _both(tokens, good)
    while tokens[-1:] == ["OR"]:
        tokens.pop()
        held = _both(tokens, good) or held
    return held


def _both(tokens: list[str], good: frozenset[str]) -> bool:
    held = _one(tokens, good)
    while tokens[-1:] == ["AND"]:
        tokens.pop()
        held = _one(tokens, good) and held
    return held


def _one(tokens: list[str], good: frozenset[str]) -> bool:
    if tokens[-1:] == ["("]:
        tokens.pop()
        held = _either(tokens, good)
        return bool(tokens) and tokens.pop() == ")" and held
    held = bool(tokens) and tokens.pop() in good
    if tokens[-1:] == ["WITH"]:  # exceptions permit more, never less
        del tokens[-2:]
    return held
