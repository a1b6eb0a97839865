"""Local hooks: programs of the user's that the commands run, in the folder `hooks` of the repository.

The command line runs them; the library itself never starts a program of somebody's. Hooks are no part
of what is versioned, and a clone has none.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from tether.errors import Forbidden

if TYPE_CHECKING:
    from tether.api.repo import Repo

PRE_COMMIT: Final = "pre-commit"
COMMIT_MSG: Final = "commit-msg"
POST_COMMIT: Final = "post-commit"
PRE_PUSH: Final = "pre-push"

_MESSAGE_FILE = "COMMIT_MSG"


class Hooks:
    """The hooks of a repository.

    Args:
        repo: Whose hooks.
        output: What they print goes there, so that it cannot be taken for the result of the command.
    """

    def __init__(self, repo: "Repo", output: TextIO) -> None:
        self._repo, self._output = repo, output

    def path(self, name: str) -> Path | None:
        """Return the program of a hook; None where there is none that may be executed."""
        path = self._repo.repository.directory / "hooks" / name
        return path if path.is_file() and os.access(path, os.X_OK) else None

    def require(self, name: str, arguments: Sequence[str] = (), stdin: bytes = b"") -> None:
        """Run a hook that may refuse what the command is about to do.

        Raises:
            Forbidden: It ended with another code than 0.
        """
        code = self._run(name, arguments, stdin)
        if code:
            raise Forbidden(
                f"the hook {name} refused with exit code {code}", hint="--no-verify leaves the hooks out"
            )

    def tell(self, name: str, arguments: Sequence[str] = ()) -> int:
        """Run a hook that is only told; return its exit code."""
        return self._run(name, arguments, b"")

    def checked_message(self, message: str) -> str:
        """Let the hook `commit-msg` see and change a message, in a file whose name is its argument.

        Raises:
            Forbidden: It refused.
        """
        if self.path(COMMIT_MSG) is None:
            return message
        file = self._repo.repository.directory / _MESSAGE_FILE
        file.write_text(message + "\n", "utf-8", "surrogateescape")
        try:
            self.require(COMMIT_MSG, [str(file)])
            return file.read_text("utf-8", "surrogateescape").strip()
        finally:
            file.unlink(missing_ok=True)

    def _run(self, name: str, arguments: Sequence[str], stdin: bytes) -> int:
        """Run a hook in the top folder and return its exit code, as a shell gives it; 0 without one."""
        path = self.path(name)
        if path is None:
            return 0
        words = [str(path), *arguments]
        try:
            code = self._process(words, stdin)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise Forbidden(f"the hook {name} cannot be run: {error.strerror}") from None
            code = self._process(["/bin/sh", *words], stdin)  # a script without its first line
        return code if code >= 0 else 128 - code

    def _process(self, words: Sequence[str], stdin: bytes) -> int:
        import subprocess

        self._output.flush()
        return subprocess.run(
            words, input=stdin, stdout=self._output.buffer, cwd=self._repo.root, check=False
        ).returncode
