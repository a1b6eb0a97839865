"""What a command works with: streams, switches, clock, author, repository, and how it gives a result."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

import click

from tether.cli import clock
from tether.cli.style import Style, is_terminal, style_for
from tether.core.identity import Person, Time
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, NotFound, TetherError

if TYPE_CHECKING:
    from tether.api.hooks import Hooks
    from tether.api.repo import Repo
    from tether.repo.config import Config
    from tether.repo.moments import Zone
    from tether.storage.buckets import BucketAddress
    from tether.storage.locks import Holder
    from tether.storage.objectstore import ObjectBackend
    from tether.sync.address import HubAddress
    from tether.sync.http import HttpClient
    from tether.sync.rate import RateLimit

FOLDER = ".tether"

WAIT_NOTE_S = 1.0
WAIT_LIMIT_S = 60.0
WAIT_LONGEST_S = 600.0

_AUTHOR = {"user.name": "TETHER_USER_NAME", "user.email": "TETHER_USER_EMAIL"}


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the home folder of the user."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


@dataclass
class Context:
    """The surroundings of one command; only here are the environment, the clock and the streams read."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    jobs: int | None = None
    limit_rate: int | None = None
    _waiting: dict["Holder", float] = field(default_factory=dict)
    _asked: float = 0.0
    _noted: set["Holder"] = field(default_factory=set)

    # -- what surrounds the command ---------------------------------------------------------

    @property
    def cwd(self) -> Path:
        """The folder that paths are relative to; `-C DIR` has already changed it."""
        return Path.cwd()

    @property
    def interactive(self) -> bool:
        """Whether a person looks at both streams."""
        return is_terminal(self.out) and is_terminal(self.err)

    @cached_property
    def style(self) -> Style:
        """Colours for stdout: `ctx.style("added", text)`."""
        return style_for(self.out, self.environ, self._setting("ui.color") or "auto")

    @property
    def bytes_out(self) -> BinaryIO:
        """Stdout for contents that are not text; what was printed before is flushed first."""
        self.out.flush()
        return self.out.buffer

    def now(self) -> Time:
        """Return the time with the local zone; `TETHER_DATE` replaces it, to rebuild a history exactly."""
        fixed = self.environ.get("TETHER_DATE")
        return clock.parse_time(fixed) if fixed else clock.now()

    def zone(self) -> "Zone":
        """Return the zone of times that users write: of `TETHER_DATE`, or the local one with its rules."""
        from tether.api.opened import system_zone

        return self.now().offset if self.environ.get("TETHER_DATE") else system_zone

    def progress(self) -> Progress:
        """Return where long work reports to: a bar for a person at a terminal, otherwise nothing."""
        if self.json or self.quiet or not self.interactive:
            return SILENT
        from tether.cli.progress import TerminalProgress

        return TerminalProgress(self.err)

    def wait(self, holder: "Holder") -> bool:
        """Decide, for the library, whether to go on waiting for a lock; a person is told for whom.

        Somebody at a terminal waits until Ctrl-C, a script for a minute for each holder, and ten in all.
        """
        now = time.monotonic()
        if now - self._asked > WAIT_NOTE_S:  # the lock was had since; this is another wait
            self._waiting.clear()
        self._asked = now
        waited = now - self._waiting.setdefault(holder, now)
        longest = now - min(self._waiting.values())
        if waited >= WAIT_NOTE_S and holder not in self._noted:
            self._noted.add(holder)
            self.note(f"waiting for {holder}")
        return self.interactive or (waited < WAIT_LIMIT_S and longest < WAIT_LONGEST_S)

    # -- the repository and its settings ----------------------------------------------------

    def repo(self) -> "Repo":
        """Return the repository that the current folder is in, opened once.

        Raises:
            NotFound: No folder at or above the current one is a repository.
        """
        return self._repo

    @cached_property
    def _repo(self) -> "Repo":
        from tether.api.repo import Repo

        return self.adopt(Repo.open(self.cwd, clock=self.now, user_config=self.user_config_path))

    def adopt(self, repo: "Repo") -> "Repo":
        """Give a repository that a command opened or made itself our progress, lock messages and author."""
        repo.progress, repo.connect, repo.open_bucket = self.progress(), self.connect, self.open_bucket
        repo.repository.wait, repo.repository.zone = self.wait, self.zone()
        if any(self.environ.get(variable) for variable in _AUTHOR.values()):
            name, email = self._author_value("user.name"), self._author_value("user.email")
            repo.author = Person(name, email) if name and email else None
        return repo

    def connect(self, address: "HubAddress") -> "HttpClient":
        """Return a client for a hub, signed in as this user where there is a token."""
        from tether.cli.hubs import connected

        return connected(self, address)

    def open_bucket(self, address: "BucketAddress") -> "ObjectBackend":
        """Open a place in a bucket with the keys that the environment and its files give."""
        from tether.cli.bucketkeys import bucket_keys
        from tether.storage.buckets import open_bucket

        rate = self.rate
        keys = bucket_keys(address.scheme, self.environ)
        return open_bucket(address, keys, pace=None if rate is None else rate.take)

    @cached_property
    def rate(self) -> "RateLimit | None":
        """What holds all connections of this command together to the bytes that it may use, or None."""
        from tether.cli.network import rate_limit

        return rate_limit(self)

    @property
    def root(self) -> Path:
        """The folder of the working copy; errors as for `repo`, and for a bare repository."""
        return self.repo().root

    @property
    def user_config_path(self) -> Path:
        """The settings of this user, in `$XDG_CONFIG_HOME` or `~/.config`."""
        base = self.environ.get("XDG_CONFIG_HOME")
        return (Path(base) if base else home_of(self.environ) / ".config") / "tether" / "config.toml"

    @property
    def repo_config_path(self) -> Path | None:
        """The settings of the repository, or None outside of one."""
        from tether.api.repo import find_repository

        try:
            return find_repository(self.cwd) / "config.toml"
        except NotFound:
            return None

    def config(self) -> "Config":
        """Return the settings of the repository, if there is one, over those of the user."""
        from tether.repo.config import Config

        return Config.load(self.repo_config_path, self.user_config_path)

    def _setting(self, key: str) -> str | None:
        """Return a setting of how things look; a broken file must not keep anything from being shown."""
        try:
            return self.config().get(key)
        except TetherError:
            return None

    def author(self) -> Person:
        """Return who commits: the environment first, then the settings.

        Raises:
            InvalidInput: There is no name or no address.
        """
        values = []
        for key, variable in _AUTHOR.items():
            value = self._author_value(key)
            if not value:
                raise InvalidInput(
                    f"{key} is not set", hint=f'run `tether config --global {key} "..."` or set {variable}'
                )
            values.append(value)
        return Person(*values)

    def _author_value(self, key: str) -> str | None:
        return self.environ.get(_AUTHOR[key]) or self.config().get(key)

    def hooks(self) -> "Hooks":
        """Return the hooks of the repository; what they print goes to stderr."""
        from tether.api.hooks import Hooks

        return Hooks(self.repo(), self.err)

    # -- results ----------------------------------------------------------------------------

    def emit(
        self,
        document: Any,
        human: Callable[[], Iterable[str]],
        *,
        page: bool = False,
        essential: bool = True,
    ) -> None:
        """Give the result of the command, once.

        Args:
            document: What `--json` prints: a dict or a list.
            human: Returns the lines for people, without line ends; not called with `--json`.
            page: The lines may be many: use a pager on a terminal.
            essential: False for a mere "done", which `-q` hides.
        """
        if self.json:
            import json

            # ASCII only, so that a name that is not UTF-8 still gives valid JSON in any locale.
            self.out.write(json.dumps(document) + "\n")
            return
        if self.quiet and not essential:
            return
        if page and is_terminal(self.out):
            from tether.cli.pager import page_lines, pager_command

            command = pager_command(self.environ, self._setting("core.pager"))
            page_lines(human(), self.out, command)
            return
        for line in human():
            self.out.write(line + "\n")

    def note(self, text: str) -> None:
        """Tell the user something that is not the result, on stderr; `-q` and `--json` hide it."""
        if not (self.quiet or self.json):
            self.err.write(text + "\n")

    def detail(self, text: str) -> None:
        """Tell something on stderr that only `-v` wants."""
        if self.verbose:
            self.err.write(text + "\n")

    def warn(self, text: str) -> None:
        """Warn on stderr; nothing hides it."""
        self.err.write(f"{style_for(self.err, self.environ)('warning', 'warning:')} {text}\n")

    def exit(self, code: int) -> NoReturn:
        """End the command with an exit code, after its result was given: 5 for a merge with conflicts."""
        raise click.exceptions.Exit(code)


pass_context = click.make_pass_decorator(Context)
