"""How long a command waits for a lock, and whom it names meanwhile."""

import io

import pytest

from tether.cli.context import Context
from tether.storage.locks import UNKNOWN, Holder


class Watch:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def wait(self, ctx: Context, holder: Holder, seconds: float) -> bool:
        """Ask as a lock does, twice a second for that long; return the last answer."""
        answer = True
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            answer = ctx.wait(holder)
            if not answer:
                break
        return answer


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return the clock of the command."""
    return Watch(monkeypatch)


def test_a_script_waits_a_minute_for_one_holder(watch: Watch) -> None:
    """After a second it says for whom, once; after a minute it gives up."""
    err = io.StringIO()
    ctx = Context(out=io.StringIO(), err=err)

    assert watch.wait(ctx, Holder(12, "add"), 59)
    assert not watch.wait(ctx, Holder(12, "add"), 5)
    assert err.getvalue() == "waiting for `tether add` (pid 12)\n"


def test_each_wait_is_counted_for_itself(watch: Watch) -> None:
    """A command that had the lock in between does not give up at once when it meets the same holder again."""
    ctx = Context(out=io.StringIO(), err=io.StringIO())

    assert watch.wait(ctx, UNKNOWN, 40)
    watch.now += 300
    assert watch.wait(ctx, UNKNOWN, 40)


def test_a_script_does_not_wait_for_ever_for_one_after_the_other(watch: Watch) -> None:
    """Where others always come first it gives up after ten minutes."""
    ctx = Context(out=io.StringIO(), err=io.StringIO(), quiet=True)

    assert all(watch.wait(ctx, Holder(pid, "add"), 30) for pid in range(1, 20))
    assert not watch.wait(ctx, Holder(99, "add"), 60)
