"""Sending and getting: the operations of a system with another place, in one order."""

import shutil

from benchmarks.adapters.remote import Remote
from benchmarks.deltas import apply_change
from benchmarks.measure import run
from benchmarks.session import OperationFailed
from benchmarks.trees import different


def run_transfers(adapter: Remote) -> None:
    """Push and clone the first version, then each later one, and once more with nothing to send."""
    session = adapter.session
    first, *later = session.workload.versions
    _quietly(adapter, "init")
    _commit(adapter, first)
    with adapter.served():
        _moved(adapter, "push_v1", "push")
        session.measure("push_again", adapter.push(), repeat=session.settings.repeat)
        _clone(adapter)
        for name in later:
            apply_change(session.workload.version(name), session.tree)
            _commit(adapter, name)
            _moved(adapter, f"push_{name}", "push")
            _moved(adapter, f"pull_{name}", "pull_clone")
            session.results[-1].error = different(session.tree, session.clone)
        session.measure("pull_again", adapter.pull(), repeat=session.settings.repeat)
        shutil.rmtree(session.clone)


def _clone(adapter: Remote) -> None:
    session = adapter.session
    forget = session.forget(session.clone)
    many = session.settings.repeat
    session.measure("copy_all", [["cp", "-r", str(session.tree), str(session.clone)]])
    forget()
    result = session.measure("clone_v1", adapter.clone_remote(), repeat=many, before_again=forget)
    if result is None or result.error:
        raise OperationFailed("clone_v1")
    result.error = different(session.tree, session.clone)


def _moved(adapter: Remote, operation: str, method: str) -> None:
    result = adapter.session.measure(operation, getattr(adapter, method)())
    if result is None or result.error:
        raise OperationFailed(operation)


def _commit(adapter: Remote, label: str) -> None:
    adapter.labels.append(label)
    _quietly(adapter, "add_commit", label)


def _quietly(adapter: Remote, method: str, *arguments: str) -> None:
    sample = run(getattr(adapter, method)(*arguments), adapter.session.place())
    if sample.error:
        raise SystemExit(f"error: {adapter.name} {method}: {sample.error}")
