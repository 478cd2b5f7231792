"""House rules, each a small program: it looks at the tracked files and says, line by line, what breaks it."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
CODE = ("chassis", "gateway", "services", "deploy", "bench", "demo", "docs", "tests")
HANDLED = {"change", "view"}
PACKAGE_HOSTS = re.compile(
    r"(pypi\.|pythonhosted|npmjs|registry\.|--index-url|--find-links|--extra-index)", re.IGNORECASE
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(home|root|work|Users)/(?!auth|graph)[\w.-]+")
WAITING = ROOT / "tests/waiting.py"
QUIRKS = Path("chassis/mongo/quirks.py")
EMBEDDED_ENGINE = re.compile(r"embedded (engine|server|database)|secantus", re.IGNORECASE)
LEFT_OVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def tracked(*suffixes: str) -> list[Path]:
    """The project's files with these endings: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if name.endswith(suffixes) and (ROOT / name).is_file()]


def python_files() -> list[Path]:
    """Our Python files."""
    return [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in CODE]


def long_files() -> Iterator[str]:
    """No file is longer than a reader's patience."""
    for path in python_files():
        if (lines := len(path.read_text().splitlines())) > LINES_MAX:
            yield f"{path.relative_to(ROOT)}: {lines} lines; more than {LINES_MAX}. Look for the second noun inside"


def full_inits() -> Iterator[str]:
    """`__init__.py` is empty: a name is imported from where it lives."""
    for path in python_files():
        if path.name == "__init__.py" and path.read_text().strip():
            yield f"{path.relative_to(ROOT)}: is not empty; import from where things live"


def foreign_addresses() -> Iterator[str]:
    """No committed file names a package index or a path of somebody's machine."""
    for path in tracked(".py", ".toml", ".txt", ".md", ".yaml", ".yml", ".sh", ".proto", "Makefile", "run"):
        if path.parent == Path(__file__).parent:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if PACKAGE_HOSTS.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: names a package index"
            if MACHINE_PATHS.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: names a path of a machine"


def left_overs() -> Iterator[str]:
    """Nothing is left for later in a comment."""
    for path in python_files():
        if path.parent == Path(__file__).parent:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if LEFT_OVERS.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: leaves something for later; do it, or write an issue"


def foreign_awaits() -> Iterator[str]:
    """What takes a Change or a View waits for nothing else: it may run twice, and others share its transaction."""
    for path in python_files():
        if path.relative_to(ROOT).parts[0] != "services":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef) and HANDLED & _parameters(function):
                yield from _foreign_awaits_of(path, function)


def _parameters(function: ast.AsyncFunctionDef) -> set[str]:
    arguments = function.args
    return {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}


def _foreign_awaits_of(path: Path, function: ast.AsyncFunctionDef) -> Iterator[str]:
    # What a helper is given beside the change was made by a handler, which is looked at itself.
    given = _parameters(function)
    ours = _made_of(function, given & HANDLED if function.decorator_list else given)
    for node in ast.walk(function):
        if isinstance(node, ast.Await) and not _names(node.value) & ours:
            yield (
                f"{path.relative_to(ROOT)}:{node.lineno}: {function.name} awaits something that is neither the change "
                "nor given it; it would run again after a conflict. Emit an event and act in consumers.py"
            )


def _made_of(function: ast.AsyncFunctionDef, names: set[str]) -> set[str]:
    """These names, and those of everything that is made of them in the function."""
    known: set[str] = set()
    while known != names:
        known = set(names)
        for node in ast.walk(function):
            for target, value in _bindings(node):
                if _names(value) & names:
                    names |= _names(target)
    return names


def _bindings(node: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return [(node.target, node.iter)]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def _names(tree: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}


POSTING = ROOT / "services" / "ics" / "stock" / "posting.py"
POSTING_ONLY = {"Posting", "write_ledger", "emit_stock_changed"}
WRITES = {"insert", "update", "delete", "emit"}


def loose_postings() -> Iterator[str]:
    """What a call does to the ledger it does inside its posting: nothing writes or emits behind it, or without one."""
    for path in (ROOT / "services" / "ics").rglob("*.py"):
        yield from _loose_postings_of(path, ast.parse(path.read_text()))


def _loose_postings_of(path: Path, tree: ast.AST) -> Iterator[str]:
    where = path.relative_to(ROOT)
    for node in ast.walk(tree):
        if path != POSTING and isinstance(node, ast.Call) and _names(node.func) & POSTING_ONLY:
            yield f"{where}:{node.lineno}: {ast.unparse(node.func)} outside a posting; use `async with posting(...)`"
        for block in (getattr(node, name, []) for name in ("body", "orelse", "finalbody")):
            if isinstance(block, list):
                for call in _writes_behind_posting(block):
                    yield f"{where}:{call.lineno}: writes behind the posting; do it inside, before it is written"


def _writes_behind_posting(block: list[ast.stmt]) -> Iterator[ast.Call]:
    behind = False
    for statement in block:
        if behind:
            yield from (
                node
                for node in ast.walk(statement)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in WRITES
                and "change" in _names(node.func.value)
            )
        behind = behind or (
            isinstance(statement, ast.AsyncWith)
            and any("posting" in "".join(_names(item.context_expr)) for item in statement.items)
        )


def named_engines() -> Iterator[str]:
    """What the embedded engine does otherwise is said, and made good, in one file."""
    for path in python_files():
        name = path.relative_to(ROOT)
        if name.parts[0] not in {"chassis", "gateway", "services"} or name == QUIRKS:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if EMBEDDED_ENGINE.search(line):
                yield f"{name}:{number}: names the embedded engine; its quirks belong into {QUIRKS}"


def unspread_entities() -> Iterator[str]:
    """Every entity says how a sharded cluster spreads its records."""
    for path in python_files():
        if path.relative_to(ROOT).parts[0] in {"chassis", "gateway", "services"}:
            yield from _unspread_entities_of(path, ast.parse(path.read_text()))


def _unspread_entities_of(path: Path, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "Entity":
            continue
        if all(keyword.arg != "shard_key" for keyword in node.keywords):
            yield (
                f"{path.relative_to(ROOT)}:{node.lineno}: the entity has no shard key; add "
                '`shard_key=("orgcode", …)`, or `ONE_SHARD` if its records are few'
            )


def unstretched_waits() -> Iterator[str]:
    """Deadlines in tests stretch on a slow or busy machine (tests/waiting.py)."""
    for path in python_files():
        if path.relative_to(ROOT).parts[0] == "tests" and path != WAITING:
            yield from _unstretched_waits_of(path, ast.parse(path.read_text()))


def _unstretched_waits_of(path: Path, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        seconds = {"asyncio.timeout": node.args[:1], "asyncio.wait_for": node.args[1:2]}.get(ast.unparse(node.func), [])
        # A short wait is for what must not happen.
        if any(isinstance(each, ast.Constant | ast.Name) and not _is_short(each) for each in seconds):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: use `within(...)`, or `stretched(...)` for the seconds"


def _is_short(seconds: ast.expr) -> bool:
    return isinstance(seconds, ast.Constant) and isinstance(seconds.value, float) and seconds.value < 1.0


RULES = [
    long_files,
    full_inits,
    foreign_addresses,
    left_overs,
    foreign_awaits,
    loose_postings,
    named_engines,
    unspread_entities,
    unstretched_waits,
]
