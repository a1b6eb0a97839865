"""The settings that exist: name, type, default and meaning of each.

A key is `section.variable`, or `section.NAME.variable` where the NAME is the user's and may hold
dots: `branch.user/v1.2.remote` is the `remote` of the branch `user/v1.2`.
"""

from typing import NamedTuple

from tether.core.rates import parse_rate
from tether.errors import InvalidInput


class Setting(NamedTuple):
    """One setting; a `*` in the key stands for a name that the user chose."""

    key: str
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    integer: bool = False
    rate: bool = False

    def check(self, key: str, value: str) -> str:
        """Return `value` if this setting may have it.

        Raises:
            InvalidInput: It may not.
        """
        if self.choices and value not in self.choices:
            raise InvalidInput(f"{key} cannot be {value!r}", hint="choose one of " + ", ".join(self.choices))
        if self.integer and not (value.isascii() and value.isdecimal() and len(value) <= 9):
            raise InvalidInput(f"{key} cannot be {value!r}", hint="give a whole number, 0 or more")
        if self.rate:
            parse_rate(value)
        if not value.isprintable():
            raise InvalidInput(f"{key} cannot hold characters that do not print: {value!r}")
        return value


SETTINGS = (
    Setting("user.name", "your name, recorded in commits"),
    Setting("user.email", "your e-mail address, recorded in commits"),
    Setting("core.pager", "program that shows long output; empty for none"),
    Setting("ui.color", "colour in output for people", "auto", ("auto", "always", "never")),
    Setting(
        "storage.compression",
        "how hard to compress what is added",
        "default",
        ("fast", "default", "smallest"),
    ),
    Setting("gc.retention", "days for which `undo` and `gc` keep what no branch needs", "90", integer=True),
    Setting("signing.key", "file of the SSH key that `commit --sign` signs with"),
    Setting("signing.allowed", "file that lists whose keys may sign, as OpenSSH's allowed_signers"),
    Setting("http.proxy", "proxy to hubs, http://[USER:PASSWORD@]HOST:PORT; empty for none at all"),
    Setting("http.ca", "file of certificates to trust in place of the usual ones, when speaking to hubs"),
    Setting("transfer.jobs", "requests that transfers with a hub have under way at once", integer=True),
    Setting("transfer.rate", "most bytes in a second to and from hubs and buckets, such as 5MB", rate=True),
    Setting("remote.*.url", "where the remote is"),
    Setting("branch.*.remote", "remote that `pull` and `push` use on this branch"),
    Setting("branch.*.merge", "branch of the remote that this branch follows"),
)

_KNOWN = {setting.key: setting for setting in SETTINGS}


def split_key(key: str) -> tuple[str, ...]:
    """Return section and variable, or section, name and variable.

    Raises:
        InvalidInput: The key has no dot, or a part is empty or does not print.
    """
    section, _, rest = key.partition(".")
    name, dot, variable = rest.rpartition(".")
    parts = (section, name, variable) if dot else (section, variable)
    if not all(parts) or not key.isprintable():
        raise InvalidInput(f"not a setting: {key!r}", hint="settings are named like user.name")
    return parts


def find_setting(key: str) -> Setting:
    """Return the setting that `key` names.

    Raises:
        InvalidInput: There is none; the hint names the nearest.
    """
    parts = split_key(key)
    pattern = key if len(parts) == 2 else f"{parts[0]}.*.{parts[2]}"
    setting = _KNOWN.get(pattern)
    if setting is None:
        raise InvalidInput(f"unknown setting: {key}", hint=_nearest(pattern))
    return setting


def _nearest(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key.lower(), _KNOWN, n=1)
    return f"did you mean {near[0].replace('*', 'NAME')}?" if near else "`tether config` lists what is set"
