"""Sending and getting: the operations of a system with another place, in one order."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.adapters.remote import Remote
from benchmarks.deltas import apply_change
from benchmarks.measure import Plan, Sample, run
from benchmarks.session import OperationFailed, Result
from benchmarks.trees import different

LARGE = frozenset("B")
"""Workloads of which the disk cannot hold every copy of every version."""


def run_transfers(adapter: Remote) -> None:
    """Push and clone the first version, then each later one, and both once more with nothing new.

    What goes wrong before or after measuring ends this job, and not the run.
    """
    try:
        _quietly(adapter, "init", adapter.init())
        _commit(adapter, adapter.session.workload.versions[0])
        with adapter.served() as servers:
            adapter.session.servers += servers
            _transfers(adapter)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        _fail(adapter, "prepare", str(error))


def _transfers(adapter: Remote) -> None:
    session = adapter.session
    many = session.settings.repeat
    _moved(adapter, "push_v1", adapter.push(), session.tree)
    session.measure("push_again", adapter.push_again(), repeat=many)
    _clone(adapter)
    _slim(adapter)
    for name in session.workload.versions[1:]:
        apply_change(session.workload.version(name), session.tree)
        _commit(adapter, name)
        _moved(adapter, f"push_{name}", adapter.push(), session.tree)
        _slim(adapter)
        result = _moved(adapter, f"pull_{name}", adapter.pull_clone(), session.store)
        _compare(adapter, result)
    session.measure("pull_again", adapter.pull_again(), repeat=many)
    shutil.rmtree(session.clone, ignore_errors=True)


def _clone(adapter: Remote) -> None:
    session = adapter.session
    forget = session.forget(session.clone)
    many = session.settings.repeat
    if adapter.ours:
        plan = [["cp", "-r", str(session.tree), str(session.clone)]]
        session.measure("copy_all", plan, reads=session.tree)
        forget()
    result = session.measure(
        "clone_v1", adapter.clone_remote(), repeat=many, before_again=forget, reads=session.store
    )
    if result is not None and result.error:
        raise OperationFailed("clone_v1")
    _compare(adapter, result)


def _moved(adapter: Remote, operation: str, plan: Plan | None, reads: Path) -> Result | None:
    result = adapter.session.measure(operation, plan, reads=reads)
    if result is not None and result.error:
        raise OperationFailed(operation)
    return result


def _compare(adapter: Remote, result: Result | None) -> None:
    if result is not None and adapter.exact:
        result.error = different(adapter.session.tree, adapter.session.clone)


def _slim(adapter: Remote) -> None:
    if adapter.session.workload.name in LARGE:
        adapter.slim()


def _commit(adapter: Remote, label: str) -> None:
    adapter.labels.append(label)
    _quietly(adapter, "add_commit", adapter.add_commit(label))


def _quietly(adapter: Remote, operation: str, plan: Plan | None) -> None:
    if plan is None:
        return
    sample = run(plan, adapter.session.place())
    if sample.error:
        _fail(adapter, operation, sample.error)


def _fail(adapter: Remote, operation: str, error: str) -> None:
    """Keep what went wrong and end the job.

    Raises:
        OperationFailed: Always.
    """
    adapter.session.keep(Result(operation, [Sample(0, 0, 0, 0, 0, error)], error=error))
    raise OperationFailed(operation)
