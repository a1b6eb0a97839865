"""The operations every system goes through on a workload, in one order."""

import shutil
import subprocess

from benchmarks.adapters.base import Adapter
from benchmarks.adapters.limits import Limits
from benchmarks.adapters.remote import Remote
from benchmarks.deltas import apply_change, private
from benchmarks.measure import Plan, Sample, run
from benchmarks.session import Finished, OperationFailed, Result
from benchmarks.transfers import run_transfers
from benchmarks.trees import different, wrong_tree
from benchmarks.workloads.history import edit

OLDEST_STEPS = 1000
"""How far back the history workload looks, where there are so many commits."""


def run_job(adapter: Adapter) -> None:
    """Run all operations; one that fails and is needed ends the job, with the results so far kept."""
    session = adapter.session
    session.copy_first_version()
    session.environment = adapter.environment()
    adapter.prepare()
    try:
        if isinstance(adapter, Limits):
            _limits(adapter)
        elif isinstance(adapter, Remote):
            run_transfers(adapter)
        elif session.workload.name == "history":
            _history(adapter)
        else:
            _versions(adapter)
    except (Finished, OperationFailed):
        return


def _limits(limits: Limits) -> None:
    session = limits.session
    forget = session.forget(session.clone)
    many = session.settings.repeat
    session.measure("copy", limits.copy(), repeat=many, before_again=forget)
    forget()
    session.measure("archive", limits.archive_tree())
    session.measure("extract", limits.extract(), repeat=many, before_again=forget)
    forget()
    session.measure("list", limits.list_status(), repeat=many)
    session.measure("hash", limits.hash_all(), repeat=many)
    result = session.measure("compress", limits.compress(), repeat=many)
    if result is not None and not result.error:
        result.stored_bytes = session.store.stat().st_size


def _versions(adapter: Adapter) -> None:
    session = adapter.session
    workload = session.workload
    _need(session.measure("init", adapter.init()))
    first, *later = workload.versions
    _store(adapter, first)
    session.measure("status_clean", adapter.status(), repeat=session.settings.repeat)
    if workload.touched:
        _touch(adapter)
    for name in later:
        apply_change(workload.version(name), session.tree)
        session.measure("status_changed", adapter.status())
        _store(adapter, name)
    _there_and_back(adapter, 1)
    _reads(adapter, len(later))
    _copies(adapter)


def _history(adapter: Adapter) -> None:
    session = adapter.session
    commits: int = session.workload.about["commits"]
    _need(session.measure("init", adapter.init()))
    _store(adapter, "first")
    session.measure("status_clean", adapter.status(), repeat=session.settings.repeat)
    samples = []
    for number in range(1, commits):
        edit(session.tree, number)
        samples.append(_commit_quietly(adapter, f"edit {number}"))
    tenth = max(1, len(samples) // 10)
    for operation, part in (
        ("commits_first_tenth", samples[:tenth]),
        ("commits_last_tenth", samples[-tenth:]),
        ("commits_all", samples),
    ):
        result = Result(operation, [_total(part)])
        session.keep(result)
    session.size_up(session.results[-1], adapter.store())
    session.measure("log", adapter.log(), repeat=session.settings.repeat)
    _touch(adapter)
    _there_and_back(adapter, min(OLDEST_STEPS, commits - 1))
    _reads(adapter, min(OLDEST_STEPS, commits - 1))
    _copies(adapter)


def _commit_quietly(adapter: Adapter, label: str) -> Sample:
    plan: Plan | None = adapter.add_commit(label)
    if plan is None:
        raise OperationFailed("add_commit")
    sample = run(plan, adapter.session.place())
    if sample.error:
        adapter.session.keep(Result("add_commit", [sample], error=sample.error))
        raise OperationFailed("add_commit")
    return sample


def _total(samples: list[Sample]) -> Sample:
    return Sample(
        wall_s=sum(sample.wall_s for sample in samples),
        sync_s=sum(sample.sync_s for sample in samples),
        cpu_s=sum(sample.cpu_s for sample in samples),
        other_cpu_s=sum(sample.other_cpu_s for sample in samples),
        peak_bytes=max(sample.peak_bytes for sample in samples),
    )


def _need(result: Result | None) -> None:
    if result is not None and result.error:
        raise OperationFailed(result.operation)


def _store(adapter: Adapter, label: str) -> None:
    session = adapter.session
    adapter.labels.append(label)
    try:
        result = session.measure(f"add_commit_{label}", adapter.add_commit(label))
    except Finished:
        session.size_up(session.results[-1], adapter.store())
        raise
    session.size_up(result, adapter.store())


def _touch(adapter: Adapter) -> None:
    """Ask for the status with ten files changed, then put them back."""
    session = adapter.session
    kept = [(session.tree / name, (session.tree / name).read_bytes()) for name in session.workload.touched]
    for path, content in kept:
        private(path).write_bytes(content + b"x")
    try:
        session.measure("status_touched", adapter.status(), repeat=session.settings.repeat)
    finally:
        for path, content in kept:
            path.write_bytes(content)


def _there_and_back(adapter: Adapter, back: int) -> None:
    session = adapter.session
    if adapter.checkout(back) is None:
        return
    away = Result("checkout_previous")
    home = Result("checkout_back")
    for _ in range(session.settings.repeat):
        for result, plan in ((away, adapter.checkout(back)), (home, adapter.checkout(0))):
            turn = session.measure(result.operation, plan)
            session.results.pop()
            if turn is not None:
                result.samples += turn.samples
                result.error = result.error or turn.error
        if away.error or home.error:
            break
    session.results += [away, home]


def _reads(adapter: Adapter, back: int) -> None:
    session = adapter.session
    many = session.settings.repeat
    output = session.room / "output"
    sample = session.workload.sample
    result = session.measure("read_old", adapter.read(back, sample), repeat=many, stdout=output)
    first = session.workload.version("v1") / sample
    same = session.workload.name != "history" and result is not None and not result.error
    if same and result is not None and subprocess.run(["cmp", "-s", first, output], check=False).returncode:
        result.error = "wrong bytes"
    output.unlink(missing_ok=True)
    session.measure("changes", adapter.changes(1, 0), repeat=many)
    session.measure("start", adapter.start(), repeat=many)


def _copies(adapter: Adapter) -> None:
    session = adapter.session
    session.measure("check", adapter.check(), repeat=min(2, session.settings.repeat))
    forget = session.forget(session.clone)
    result = session.measure("clone", adapter.clone(), repeat=session.settings.repeat, before_again=forget)
    if result is not None and not result.error:
        workload = session.workload
        result.error = different(session.tree, session.clone)
        if workload.name != "history":
            result.error = result.error or wrong_tree(workload.folder, workload.versions, session.clone)
    shutil.rmtree(session.clone, ignore_errors=True)
