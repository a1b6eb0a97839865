"""The JSON bodies of pull requests, their reviews and checks; see `tether.hub.routes.documents`."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from tether.core.names import display
from tether.core.objects import Commit
from tether.core.treediff import Tally, TreeChange
from tether.errors import InvalidInput
from tether.hub.database.pulls import Pull
from tether.hub.pulls.changes import Changed
from tether.hub.pulls.merging import Merged, Method
from tether.hub.pulls.opening import Shown
from tether.hub.pulls.requirements import Lack
from tether.hub.pulls.resolving import Choice
from tether.hub.pulls.trials import Trial, side
from tether.hub.routes.conversation_documents import (
    CommitId,
    Label,
    Labels,
    State,
    Text,
    Title,
    Turned,
    fields_of,
)
from tether.hub.routes.documents import Document, Name, Problem, Storable
from tether.hub.routes.rights_documents import BranchPattern
from tether.hub.routes.workspace_documents import SideDocument

Address = Annotated[str, Field(min_length=3, max_length=201)]
Names = Annotated[list[Name], Field(max_length=20)]
Relation = Literal["clean", "conflicts", "up-to-date", "merged"]
Message = Annotated[str, Field(max_length=100_000), Storable]


class NewPull(Document):
    """A wish for a pull request: `source` is the branch that it brings, in `repository` if that is a fork.

    Without a target it goes into the default branch.
    """

    title: Title
    body: Text = ""
    source: BranchPattern
    repository: Address | None = None
    target: BranchPattern | None = None
    draft: bool = False
    labels: Labels = []  # noqa: RUF012
    reviewers: Names = []  # noqa: RUF012


class PullChangesBody(Document):
    """What is to be different of a pull request; what is not given stays."""

    title: Title | None = None
    body: Text | None = None
    labels: Labels | None = None
    state: Turned | None = None
    draft: bool | None = None
    reviewers: Names | None = None


class AskedPulls(Document):
    """Which pull requests a list has; what is not given is not looked at."""

    state: State | None = None
    source: Annotated[BranchPattern, Storable] | None = None
    target: Annotated[BranchPattern, Storable] | None = None
    author: Name | None = None
    before: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 100


class CheckState(Document):
    """What a machine found of the head, in a word."""

    name: str
    state: Literal["pending", "success", "failure", "error"]


class PullDocument(Document):
    """A pull request: what goes where, and what it is now.

    `source` is null once its repository is gone. `head`, `base` and `target` are commits that stay readable;
    `merged` is what the target branch got. `relation` says how the head stands to the target, null where
    nobody has asked for the merge yet.
    """

    number: int
    kind: Literal["pull"]
    title: str
    body: str
    author: str
    state: State
    labels: list[Label]
    entries: int
    created: int
    updated: int
    repository: str
    source: str
    source_gone: bool
    target: str
    draft: bool
    head: str
    base: str | None
    target_commit: str
    merged: str | None
    method: str | None
    merged_by: str | None
    merged_at: int | None
    reviewers: list[str]
    relation: Relation | None
    checks: list[CheckState]

    @classmethod
    def of(cls, shown: Shown) -> "PullDocument":
        """Return the document of a row."""
        pull = shown.pull
        names = ("draft", "head", "base", "merged", "method", "merged_at")
        values = fields_of(pull.conversation) | {name: getattr(pull, name) for name in names}
        values |= {
            "repository": pull.source_name,
            "source": pull.source_branch,
            "source_gone": shown.gone,
            "target": pull.target_branch,
            "target_commit": pull.target,
            "merged_by": None if pull.merger is None else pull.merger.name,
            "reviewers": list(shown.reviewers),
            "relation": shown.relation,
            "checks": [{"name": name, "state": state} for name, state in shown.checks],
        }
        return cls.model_validate(values)


class MergeConflictDocument(Document):
    """A path that both sides changed in different ways: what the base, the target and the head have there."""

    path: str
    reason: str
    base: SideDocument | None
    target: SideDocument | None
    head: SideDocument | None


class LackDocument(Document):
    """Something that is lacking: a `draft`, `approvals`, requested `changes`, or a `check`."""

    kind: Literal["draft", "approvals", "changes", "check"]
    rule: str | None
    message: str

    @classmethod
    def of(cls, lack: Lack) -> "LackDocument":
        """Return the document of a lack."""
        return cls.model_validate(lack._asdict())


class MergeabilityDocument(Document):
    """Whether a pull request can be merged: how its head stands to the target, and what is lacking.

    `conflicts` are the first 1000, `count` is of all. `lacks` is for who asks; whoever a rule exempts lacks
    nothing of it.
    """

    relation: Relation | None
    head: str
    target: str
    base: str | None
    count: int
    conflicts: list[MergeConflictDocument]
    lacks: list[LackDocument]

    @classmethod
    def of(cls, pull: Pull, trial: Trial | None, lacks: Sequence[Lack]) -> "MergeabilityDocument":
        """Return the document of a trial; without one the target branch is gone."""
        shown = [] if trial is None else [MergeConflictDocument(**each) for each in trial.conflicts]
        return cls(
            relation=None if trial is None else trial.relation.value,
            head=pull.head,
            target=pull.target if trial is None else trial.target,
            base=pull.base if trial is None else trial.base,
            count=0 if trial is None else trial.total,
            conflicts=shown,
            lacks=[LackDocument.of(lack) for lack in lacks],
        )


class MergeBody(Document):
    """A wish to merge what was looked at: `head` is the newest commit of it."""

    head: CommitId
    method: Method = Method.MERGE
    message: Message | None = None
    delete_branch: bool = False


class MergedDocument(Document):
    """The commit that the target branch is now, and whether the branch went that was merged."""

    commit: str
    branch_deleted: bool


class RefusedDocument(Document):
    """Why a merge was refused: what is lacking, or the paths in conflict."""

    error: Problem
    lacks: list[LackDocument] = []  # noqa: RUF012
    conflicts: list[str] = []  # noqa: RUF012

    @classmethod
    def of(cls, merged: Merged) -> "RefusedDocument":
        """Return the document of a merge that did not come about."""
        if merged.lacks:
            told = "; ".join(lack.message for lack in merged.lacks)
            error = Problem(code="conflict", message=told, hint="see to what is lacking, then merge again")
            return cls(error=error, lacks=[LackDocument.of(lack) for lack in merged.lacks])
        assert merged.trial is not None
        paths = [each["path"] for each in merged.trial.conflicts]
        return cls.of_conflicts(paths, merged.trial.total)

    @classmethod
    def of_conflicts(cls, paths: Sequence[str], count: int) -> "RefusedDocument":
        """Return the document of paths that are to be decided."""
        told = f"{paths[0]} is in conflict" + (f", and {count - 1} more" if count > 1 else "")
        hint = "decide what is to be there, by 'resolve' or in a clone"
        return cls(error=Problem(code="conflict", message=told, hint=hint), conflicts=list(paths))


class ChoiceBody(Document):
    """What is to be at a path: as in the head, the target or the base; nothing; or a content.

    The content is text, or `base64` of bytes.
    """

    path: Annotated[str, Field(min_length=1, max_length=10_000)]
    take: Literal["head", "target", "base", "remove", "content"]
    text: Annotated[str, Field(max_length=1 << 20)] | None = None
    base64: Annotated[str, Field(max_length=1 << 21)] | None = None
    executable: bool = False

    def choice(self) -> Choice:
        """Return what was chosen.

        Raises:
            InvalidInput: The content is none, or one where none is asked for.
        """
        given = [each for each in (self.text, self.base64) if each is not None]
        if len(given) != (self.take == "content"):
            raise InvalidInput(f"{self.path}: give a content, and only with 'content'")
        try:
            data = base64.b64decode(self.base64 or "", validate=True)
            content = data if self.text is None else self.text.encode()
        except (binascii.Error, ValueError):
            raise InvalidInput(f"{self.path}: that is no content") from None
        return Choice(self.take, content, self.executable)


class ResolveBody(Document):
    """What is to be at the paths in conflict between the commits that were looked at."""

    head: CommitId
    target: CommitId
    choices: Annotated[list[ChoiceBody], Field(max_length=10_000)] = []  # noqa: RUF012
    message: Message | None = None


class HeadDocument(Document):
    """The newest commit of a pull request."""

    head: str


class CountsDocument(Document):
    """How many files differ, and how many bytes they have before and after."""

    added: int
    removed: int
    changed: int
    old_bytes: int
    new_bytes: int

    @classmethod
    def of(cls, tally: Tally) -> "CountsDocument":
        """Return the document of counts."""
        return cls(**tally._asdict())


class ChangedDocument(Document):
    """An entry of a folder that differs, with the counts of all below it."""

    path: str
    change: Literal["added", "removed", "changed"]
    old: SideDocument | None
    new: SideDocument | None
    counts: CountsDocument

    @classmethod
    def of(cls, changed: Changed) -> "ChangedDocument":
        """Return the document of an entry."""
        old, new, counts = side(changed.old), side(changed.new), CountsDocument.of(changed.tally)
        word = "added" if old is None else "removed" if new is None else "changed"
        return cls.model_validate(
            {"path": changed.shown, "change": word, "old": old, "new": new, "counts": counts}
        )


class LevelDocument(Document):
    """A folder of a pull request: its counts, and the entries in it that differ, a page of them."""

    path: str
    counts: CountsDocument
    entries: list[ChangedDocument]


class FileChangeDocument(Document):
    """A path that differs."""

    path: str
    change: Literal["added", "removed", "changed"]
    old: SideDocument | None
    new: SideDocument | None

    @classmethod
    def of(cls, change: TreeChange) -> "FileChangeDocument":
        """Return the document of a change."""
        old, new = side(change.old), side(change.new)
        word = "added" if old is None else "removed" if new is None else "changed"
        return cls.model_validate({"path": display(change.path), "change": word, "old": old, "new": new})


class PullCommitDocument(Document):
    """A commit of a pull request."""

    commit: str
    parents: list[str]
    author: str
    time: int
    message: str

    @classmethod
    def of(cls, digest: str, commit: Commit) -> "PullCommitDocument":
        """Return the document of a commit."""
        parents = [parent.hex() for parent in commit.parents]
        time, text = commit.authored.micros, commit.message
        return cls(commit=digest, parents=parents, author=commit.author.name, time=time, message=text)
