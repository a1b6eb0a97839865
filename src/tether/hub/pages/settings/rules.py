"""The rules of branches and tags, and of paths: who may push, whose review is needed."""

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import InvalidInput
from tether.hub import rules
from tether.hub.access import Role
from tether.hub.branchrules import Grant, ProtectedPath, Rule
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried, as_document
from tether.hub.pages.settings.frame import Administered, saved, settings_page
from tether.hub.routes.rights_documents import RuleDocument

_PART = "rules"
_PATHS = 100


def show(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show the rules; one of them opened for a change, or a form for another one."""
    with found.hub.database.session(reads_only=True) as session:
        known = rules.list_rules(session, found.principal, found.row)
    opened = request.query_params.get("rule", "")
    chosen = next((rule for rule in known if rule.name == opened), None)
    filled = tried.form if tried.failure is not None else _as_form(chosen)
    return settings_page(
        request,
        found,
        "rules",
        Tried(filled, tried.failure),
        rules=known,
        chosen=chosen,
        roles=[role.name.lower() for role in Role if role >= Role.WRITE],
    )


def put(_: Request, found: Administered, form: Form) -> Response:
    """Add a rule, or put it in the place of the one of that name."""
    rule = read_rule(form)
    as_document(RuleDocument, {"name": rule.name, "branches": rule.branches or None, **rule.as_json()})
    with found.acting() as act:
        rules.set_rule(act, found.row, rule)
    return saved(found.address(_PART))


def remove(request: Request, found: Administered, form: Form) -> Response:
    """Remove a rule."""
    name = form.get("rule", "")
    words = "What it keeps people from is allowed from then on, unless another rule says the same."
    question = Question(f"Remove the rule {name}?", words, "Remove it", found.address(_PART))
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        rules.remove_rule(act, found.row, name)
    return saved(found.address(_PART))


def read_rule(form: Form) -> Rule:
    """Return the rule that a form says.

    A path stands on a line of its own, with those who may change it behind a colon:
    `labels: ada, team/curators, role/maintain`.

    Raises:
        InvalidInput: A line or a role is none.
    """
    is_tag = form.get("kind") == "tags"
    pattern = form.get("pattern", "").strip()
    push = Grant(_role(form.get("push_role", "")), *_people(form.get("push_who", "")))
    return Rule(
        form.get("name", "").strip(),
        "" if is_tag else pattern,
        push if form.get("limit") == "yes" else None,
        force=form.get("force") == "yes",
        delete=form.get("delete") == "yes",
        review=form.get("review") == "yes",
        approvals=_approvals(form.get("approvals", "")),
        fresh=form.get("fresh") == "yes",
        checks=tuple(form.get("checks", "").replace(",", " ").split()),
        paths=tuple(_path(line) for line in form.get("paths", "").splitlines()[:_PATHS] if line.strip()),
        exempt=Grant(_role(form.get("exempt_role", "")), *_people(form.get("exempt_who", ""))),
        tags=pattern if is_tag else "",
    )


def _approvals(text: str) -> int:
    if not text.strip():
        return 1
    if not (text.isascii() and text.strip().isdigit() and len(text) < 4):
        raise InvalidInput("approvals is no number", hint="write how many people must approve, such as 2")
    return int(text)


def _role(text: str) -> Role | None:
    if not text:
        return None
    try:
        return Role[text.upper()]
    except KeyError:
        raise InvalidInput("no such role", hint="choose one of the list") from None


def _people(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return users and teams of a list such as `ada, grace, team/curators`."""
    names = [name.removeprefix("@") for name in text.replace(",", " ").split()]
    users = tuple(name for name in names if not name.startswith("team/"))
    return users, tuple(name.removeprefix("team/") for name in names if name.startswith("team/"))


def _path(line: str) -> ProtectedPath:
    path, colon, who = line.rpartition(":")
    if not colon or not path.strip():
        raise InvalidInput(
            f"no path with its people: {line[:80]!r}", hint="write it as PATH: NAME, team/NAME"
        )
    names = who.replace(",", " ").split()
    roles = [name.removeprefix("role/") for name in names if name.startswith("role/")]
    people = " ".join(name for name in names if not name.startswith("role/"))
    return ProtectedPath(path.strip(), Grant(_role(roles[0] if roles else ""), *_people(people)))


def _as_form(rule: Rule | None) -> Form:
    """Return what the form is filled with; a new rule is about branches and forbids what loses commits."""
    if rule is None:
        return {"kind": "branches", "approvals": "1"}
    flags = {flag: "yes" for flag in ("force", "delete", "review", "fresh") if getattr(rule, flag)}
    push = rule.push or Grant()
    return {
        "name": rule.name,
        "kind": "tags" if rule.tags else "branches",
        "pattern": rule.tags or rule.branches,
        "limit": "yes" if rule.push is not None else "",
        "push_role": "" if push.role is None else push.role.name.lower(),
        "push_who": people_text(push),
        "exempt_role": "" if rule.exempt.role is None else rule.exempt.role.name.lower(),
        "exempt_who": people_text(rule.exempt),
        "approvals": str(rule.approvals),
        "checks": " ".join(rule.checks),
        "paths": "\n".join(f"{each.path}: {_who_text(each.who)}" for each in rule.paths),
        **flags,
    }


def _who_text(grant: Grant) -> str:
    """Return a whole grant, with its role, as a line of paths has it."""
    role = "" if grant.role is None else f"role/{grant.role.name.lower()}"
    return ", ".join(part for part in (people_text(grant), role) if part)


def people_text(grant: Grant) -> str:
    """Return users and teams as `read_rule` reads them."""
    return ", ".join([*grant.users, *(f"team/{team}" for team in grant.teams)])
