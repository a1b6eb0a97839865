"""Writes `docs/reference/python.md` from the docstrings of the public names; `make reference` runs it."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tether
from tether.api.benching import KnownBench
from tether.api.diff import FileChange, Version
from tether.api.history import Branch, Standing, TagInfo
from tether.api.joined import MergeResult
from tether.api.lineage import Lineage
from tether.api.onerun import FoundRun
from tether.api.operations import Undone
from tether.api.repeating import Repeated
from tether.api.replaying import ReplayResult
from tether.api.reproducing import ReproPlan
from tether.api.resolving import Resolution
from tether.api.running import Outcome
from tether.api.runs import DataChange, RunDiff
from tether.api.snapshot import FileInfo
from tether.api.staging import CommitResult, Removed, Status
from tether.api.switching import Restored
from tether.api.working import Moved
from tether.bench.comparing import BenchDiff, SectionChange
from tether.core.objects import Commit
from tether.core.tree import Entry
from tether.core.treediff import TreeChange
from tether.evals.evaldoc import Evaluation, Metric, SliceResult
from tether.evals.slices import Slice
from tether.model.compare import LayerChange, ModelDiff, RenamedTensor, TensorChange
from tether.model.distance import Distance
from tether.model.facts import Caution, GlobalName, ModelFacts, Place, Tensor
from tether.releases.verdict import ComparedFile, ComparedMetric, Verdict
from tether.repo.check import CheckReport, Problem
from tether.repo.gcwrite import GcCounts
from tether.repo.logwalk import LogEntry
from tether.repo.mergestate import ConflictRow
from tether.runs.reading import KnownRun
from tether.runs.rundoc import (
    Artefact,
    Code,
    DataInput,
    Exit,
    Output,
    Resources,
    RunRecord,
    Summary,
    Work,
)
from tether.sync.exchange import Exchange, RefUpdate
from tether.worktree.compare import Comparison, WorkChange
from tether.worktree.staging import StageChange, StageResult

PAGE = Path(__file__).parent / "reference" / "python.md"

TAKEN = (tether.Person, tether.Time, tether.CommitRequest, tether.MergeOptions, tether.CloneRequest)
RETURNED = (
    StageResult, StageChange, Removed, Status, TreeChange, Entry, Comparison, WorkChange, Standing,
    CommitResult, Moved, Restored, LogEntry, Commit, FileChange, Version, Branch, TagInfo, FileInfo,
    MergeResult, ConflictRow, Resolution, ReplayResult, Exchange, RefUpdate,
    Undone, GcCounts, CheckReport, Problem,
    ModelFacts, Tensor, Place, GlobalName, Caution,
    ModelDiff, TensorChange, Distance, RenamedTensor, LayerChange,
    KnownRun, RunDiff, DataChange,
    RunRecord, DataInput, Work, Code, Summary, Artefact, Exit, Resources, Output,
    FoundRun, Outcome, ReproPlan, Repeated, Verdict, ComparedFile, ComparedMetric, Lineage,
    KnownBench, BenchDiff, SectionChange, Evaluation, SliceResult, Metric, Slice,
)  # fmt: skip
WITH_METHODS = (FoundRun, Lineage, KnownBench)
"""Those of `RETURNED` whose methods are told of too."""

_LONG = 100

_HEAD = """# Python

`make reference` writes this page from the docstrings. [The guide](../guides/python.md) shows how to use them.
`import tether` gives the classes of the first four parts, `run` and `tether.errors`; everything that is
raised on purpose is one of [these errors](../errors.md). A *digest* is 32 bytes; `.hex()` gives the id that
the command line prints. Paths in results are bytes, relative to the folder of the working files, with `/`;
`os.fsdecode` makes text of them. Paths that are given are text, bytes or `Path` (`AnyPath`), where several
are welcome also a list of them (`Paths`); they are relative to the folder of the working files.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for kind in (tether.Repo, tether.Snapshot, tether.RemoteRepo, tether.Model, tether.Run, tether.Release):
        parts += [f"## {kind.__name__}\n", _prose(kind)]
        parts += [_member(kind, name) for name in _members(kind)]
    parts += [f"## run\n\n```python\n{_wrapped(_call(tether.run, bound=False))}\n```\n", _prose(tether.run)]
    for title, kinds in (("What methods take", TAKEN), ("What methods return", RETURNED)):
        parts.append(f"## {title}\n")
        parts += [_value(kind) for kind in kinds]
    return "\n".join(parts)


def _members(kind: type) -> list[str]:
    """Return the public methods and properties as they are written, those of each base first."""
    order = [name for base in reversed(kind.__mro__) for name in vars(base) if not name.startswith("_")]
    described = (callable, lambda member: isinstance(member, classmethod | property))
    return [
        name
        for name in dict.fromkeys(order)
        if any(test(inspect.getattr_static(kind, name)) for test in described)
    ]


def _member(kind: type, name: str) -> str:
    member = inspect.getattr_static(kind, name)
    if isinstance(member, property):
        return f"### {kind.__name__}.{name}\n\n{_prose(member)}"
    call = _call(member.__func__ if isinstance(member, classmethod) else member)
    return f"### {kind.__name__}.{name}\n\n```python\n{_wrapped(call)}\n```\n\n{_prose(member)}"


def _call(function: Any, *, bound: bool = True) -> str:
    """Return name, arguments and result of a function as they are written, without self and quotes."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef)
    node.args.args = node.args.args[1:] if bound else node.args.args
    node.args = _Unquoted().visit(node.args)
    assert node.returns is not None
    given = re.sub(r"(?<=[\w\]])=", " = ", ast.unparse(node.args)).replace("'", '"')
    return f"{node.name}({given}) -> {ast.unparse(_Unquoted().annotation(node.returns))}"


class _Unquoted(ast.NodeTransformer):
    """Takes the quotes from annotations."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = self.annotation(node.annotation) if node.annotation is not None else None
        return node

    def annotation(self, node: ast.expr) -> ast.expr:
        quoted = isinstance(node, ast.Constant) and isinstance(node.value, str)
        text = ast.literal_eval(node) if quoted else ast.unparse(node).replace("'", "")
        return ast.parse(text, mode="eval").body


def _wrapped(call: str) -> str:
    """Return a signature on one line, or with a line for each argument where that is too long."""
    if len(call) <= _LONG:
        return call
    name, _, rest = call.partition("(")
    given, _, result = rest.rpartition(") -> ")
    arguments = re.split(r", (?![^\[]*\])", given)
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), f") -> {result}"])


def _prose(thing: Any) -> str:
    """Return a docstring as Markdown: its sections as lists, its examples as code."""
    text = inspect.getdoc(thing) or ""
    parts = re.split(r"^(Args|Attributes|Example|Raises|Returns):\n", text, flags=re.M)
    lines = [_joined(parts[0])]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        inner = textwrap.dedent(body).strip("\n")
        if title == "Example":
            lines.append(f"```pycon\n{inner}\n```\n")
        elif title == "Returns":
            lines.append(f"Returns: {_joined(inner)}")
        else:
            lines += [f"{title}:\n", *_rows(inner), ""]
    return "\n".join(lines)


def _joined(text: str) -> str:
    """Return paragraphs with each on one line."""
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return "\n\n".join(paragraphs) + "\n"


def _rows(text: str) -> Iterator[str]:
    """Yield a list item for each `name: text`, its continuation lines joined."""
    for row in re.split(r"\n(?=\S)", text):
        name, _, rest = row.partition(":")
        yield f"- `{name}`: {' '.join(rest.split())}"


def _value(kind: type) -> str:
    """Return the section of a class that only holds values."""
    text = inspect.getdoc(kind) or ""
    listed = re.search(r"^Attributes:\n((?:[ ].*\n?|\n)*)", text, re.M)
    texts = {}
    if listed is not None:
        rows = (row.partition(":") for row in re.split(r"\n(?=\S)", textwrap.dedent(listed[1]).strip()))
        texts = {name: " ".join(said.split()) for name, _, said in rows}
    prose = _joined(re.split(r"^(?:Attributes|Raises):\n", text, flags=re.M)[0])
    lines = [f"### {kind.__name__}\n", prose]
    for name, type_text, said in _fields(kind):
        full = texts.get(name, said)
        lines.append(f"- `{name}: {type_text}`{f': {full}' if full else ''}")
    for name, member in vars(kind).items():
        if isinstance(member, property):
            lines.append(f"- `{name}`: {_short(member)}")
        elif kind in WITH_METHODS and inspect.isfunction(member) and not name.startswith("_"):
            lines.append(f"- `{_call(member)}`: {_short(member)}")
    return "\n".join([*lines, ""])


def _short(member: Any) -> str:
    """Return a docstring on one line, without its sections."""
    text = re.split(r"^(?:Args|Raises):\n", inspect.getdoc(member) or "", flags=re.M)[0]
    return " ".join(text.split())


def _fields(kind: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and text of the fields of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    for node, after in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = " ".join(str(after.value.value).split())
            if not node.target.id.startswith("_"):
                yield node.target.id, ast.unparse(node.annotation).replace("'", ""), text


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference())
