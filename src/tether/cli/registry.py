"""Every command by name: where it lives, what it is for, and the group that lists it.

Help and completion read this table alone, so that no command is imported to be listed.
"""

from typing import NamedTuple


class CommandInfo(NamedTuple):
    """One row of the table.

    Attributes:
        name: What the user types.
        summary: One line for the list of commands.
        group: A key of `GROUPS`.
        common: Shown by `tether` without arguments.
    """

    name: str
    summary: str
    group: str
    common: bool = False

    @property
    def module(self) -> str:
        """The module below `tether.cli.commands`; its attribute `command` is the click command."""
        return self.name.replace("-", "_")


GROUPS = {
    "start": "Start a repository",
    "change": "Work on the next commit",
    "look": "Look at files and history",
    "branch": "Branches and merges",
    "model": "Train models",
    "remote": "Work with others",
    "hub": "Hubs",
    "undo": "Go back",
    "upkeep": "Space and health",
    "setup": "Settings and help",
}

COMMANDS = (
    CommandInfo("init", "Create an empty repository", "start", common=True),
    CommandInfo("clone", "Copy a repository from a remote", "start", common=True),
    CommandInfo("add", "Put files into the next commit", "change", common=True),
    CommandInfo("rm", "Remove files from the next commit and the working copy", "change", common=True),
    CommandInfo("mv", "Move or rename files", "change"),
    CommandInfo("restore", "Bring files back as they were", "change", common=True),
    CommandInfo("status", "Show what has changed", "change", common=True),
    CommandInfo("commit", "Record the next commit", "change", common=True),
    CommandInfo("stash", "Put changes aside and take them back", "change"),
    CommandInfo("clean", "Remove untracked files", "change"),
    CommandInfo("ignored", "Tell which rule ignores a path", "change"),
    CommandInfo("log", "List commits", "look", common=True),
    CommandInfo("show", "Show a commit or a file in it", "look", common=True),
    CommandInfo("diff", "Compare commits, the stage and the working copy", "look", common=True),
    CommandInfo("cat", "Write a file of any revision to the output", "look"),
    CommandInfo("ls", "List the files of a revision", "look"),
    CommandInfo("blame", "Tell which commit last changed each line", "look"),
    CommandInfo("grep", "Search the text of tracked files", "look"),
    CommandInfo("info", "Describe a file: type, size, digest, storage", "look"),
    CommandInfo("ui", "Show the repository in a browser", "look", common=True),
    CommandInfo("model", "Look into model files: tensors, differences, what loading runs", "look"),
    CommandInfo("export", "Describe data for other programs", "look"),
    CommandInfo("branch", "List, make, rename or delete branches", "branch", common=True),
    CommandInfo("switch", "Change to another branch", "branch", common=True),
    CommandInfo("checkout", "Change to a revision, or take files from it", "branch"),
    CommandInfo("merge", "Join another line of work into this one", "branch", common=True),
    CommandInfo("resolve", "Settle conflicts", "branch"),
    CommandInfo("rebase", "Replay commits on top of another revision", "branch"),
    CommandInfo("cherry-pick", "Apply the change of one commit here", "branch"),
    CommandInfo("tag", "List, make or delete tags", "branch", common=True),
    CommandInfo("bisect", "Find the commit that brought a change", "branch"),
    CommandInfo("run", "Run a command and record its data, code, metrics and results", "model", common=True),
    CommandInfo("runs", "List, show, compare, export and plot runs", "model", common=True),
    CommandInfo("release", "Make, list, show, verify and sign releases of models", "model", common=True),
    CommandInfo("profile", "Tell what data is like: counts, ranges, quantiles, labels", "model"),
    CommandInfo("repro", "Repeat a run in a clean room, and say how the two compare", "model"),
    CommandInfo("retrain", "Run the recorded command again on other data", "model"),
    CommandInfo("lineage", "Show what data, runs, models and releases came from and led to", "model"),
    CommandInfo("bench", "Measure a model on pinned data: latency, memory, accuracy", "model"),
    CommandInfo("eval", "Measure a model or its predictions on data", "model", common=True),
    CommandInfo("slices", "List parts of evaluation sets and what was measured of them", "model"),
    CommandInfo("compare", "Compare two models on the same data, example by example", "model"),
    CommandInfo("remote", "List, add or remove remotes", "remote", common=True),
    CommandInfo("fetch", "Get the news of a remote", "remote"),
    CommandInfo("prefetch", "Bring contents before they are needed", "remote"),
    CommandInfo("pull", "Fetch and merge", "remote", common=True),
    CommandInfo("push", "Send commits to a remote", "remote", common=True),
    CommandInfo("get", "Bring files of a remote here, without a clone", "remote"),
    CommandInfo("put", "Add or replace files of a remote, without a clone", "remote"),
    CommandInfo("lock", "Keep others from pushing changes of files", "remote"),
    CommandInfo("unlock", "Give back locks of files", "remote"),
    CommandInfo("locks", "List who has locked which files", "remote"),
    CommandInfo("archive", "Write the files of a revision as one archive", "remote"),
    CommandInfo("bundle", "Carry commits in one file", "remote"),
    CommandInfo("pin", "Write a pointer so that a Git commit names a data commit", "remote"),
    CommandInfo("login", "Sign in to a hub", "hub"),
    CommandInfo("logout", "Forget the token of a hub", "hub"),
    CommandInfo("whoami", "Tell who is signed in to a hub", "hub"),
    CommandInfo("repo", "Make, list and delete repositories on a hub", "hub"),
    CommandInfo("pr", "List, open and merge pull requests on a hub", "hub"),
    CommandInfo("hub", "Run a hub, and administer it", "hub"),
    CommandInfo("undo", "Take back the last operation", "undo", common=True),
    CommandInfo("op", "List operations or return to one", "undo"),
    CommandInfo("reset", "Move the branch to another revision", "undo"),
    CommandInfo("revert", "Make a commit that undoes another", "undo"),
    CommandInfo("du", "Show where the space goes", "upkeep"),
    CommandInfo("gc", "Free what nothing needs any more", "upkeep"),
    CommandInfo("fsck", "Verify everything that is stored", "upkeep"),
    CommandInfo("drop", "Free contents that a remote has", "upkeep"),
    CommandInfo("verify-commit", "Check the signature of a commit", "upkeep"),
    CommandInfo("config", "Read and change settings", "setup"),
    CommandInfo("completion", "Print the completion script of a shell", "setup"),
    CommandInfo("version", "Print the version", "setup"),
    CommandInfo("help", "Show help for a command", "setup"),
)

BY_NAME = {info.name: info for info in COMMANDS}


def grouped(*, common: bool) -> list[tuple[str, list[CommandInfo]]]:
    """Return (title, commands) in the order of display; only the common commands where `common`."""
    rows = [(title, [c for c in COMMANDS if c.group == key]) for key, title in GROUPS.items()]
    if common:
        rows = [(title, [c for c in commands if c.common]) for title, commands in rows]
    return [(title, commands) for title, commands in rows if commands]


def nearest(name: str, limit: int = 3) -> list[str]:
    """Return the command names that look most like a mistyped one."""
    import difflib

    return difflib.get_close_matches(name, BY_NAME, n=limit, cutoff=0.6)
