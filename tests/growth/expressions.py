"""
Every expression of the source: found by its syntax trees, with the ways in which it is used.

An expression is a call of ``re``: of ``re.compile`` at the top of a module or in a function, or
of ``re.search`` and its like where it is needed. What ``re.compile`` was given is not read
from the tree, for it may be put together from pieces; it is told by running the call while
``re.compile`` is watched.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCE = Path(__file__).parents[2] / "src"
# Those that go on behind a match do the same work as finditer.
_ALL_MATCHES = frozenset({"sub", "subn", "split", "findall", "finditer"})
WAYS = frozenset({"match", "fullmatch", "search"}) | _ALL_MATCHES
_WORST = frozenset({"search", "fullmatch"})

Trees = dict[str, tuple[Path, ast.Module]]


@dataclass(slots=True)
class Expression:
    """
    One call of ``re`` at *place* (file:line), what it made, and the methods that are called.

    *name* is the module and what holds the pattern, or the function in which the call stands.
    """

    place: str
    name: str
    ways: frozenset[str]
    patterns: list[re.Pattern[Any]] = field(default_factory=list)


def expressions(
    built: dict[str, Callable[[], object]], handed_on: dict[str, frozenset[str]]
) -> list[Expression]:
    """
    Return every expression of the source.

    *built* runs the functions that make patterns only when they are called, by the name of the
    expression. *handed_on* tells the methods of those that are given to a function, which a
    syntax tree does not; for others that are, the worst are taken.
    """
    trees: Trees = {name: (path, ast.parse(path.read_text("utf-8"))) for name, path in _modules()}
    uses = {name: _uses(tree) for name, (_, tree) in trees.items()}
    found: list[Expression] = []
    made = _watched(trees, [*built.values()])
    for module, (path, tree) in trees.items():
        for call, function, method in _calls(tree, "", None):
            place = f"{path.relative_to(SOURCE)}:{call.lineno}"
            expression = Expression(place, f"{module}:{function}", frozenset())
            assert isinstance(call.func, ast.Attribute)
            if call.func.attr == "compile":
                name = _bound_to(tree, call)
                expression.name = f"{module}:{name or function}"
                expression.patterns = made.get(place, [])
                ways = {method} if method else _ways(uses, module, name)
            else:
                ways = {call.func.attr}
                expression.patterns = _inline(module, call)
            ways = set(handed_on.get(expression.name, ways))
            expression.ways = frozenset(ways - _ALL_MATCHES) | (
                {"finditer"} if ways & _ALL_MATCHES else frozenset()
            )
            found.append(expression)
    return found


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((SOURCE / "sealgate").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] != "__main__":
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _watched(trees: Trees, makers: list[Callable[[], object]]) -> dict[str, list[re.Pattern[Any]]]:
    made: dict[str, list[re.Pattern[Any]]] = {}
    true = re.compile

    def telling(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
        compiled = true(pattern, flags)
        frame = sys._getframe(1)
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(SOURCE):
            place = f"{path.relative_to(SOURCE)}:{frame.f_lineno}"
            made.setdefault(place, []).append(compiled)
        return compiled

    ours = {name: sys.modules.pop(name) for name in [*sys.modules] if name.startswith("sealgate")}
    re.compile = telling
    try:
        for module in trees:
            importlib.import_module(module)
        for maker in makers:
            maker()
    finally:
        re.compile = true
        for name in [name for name in sys.modules if name.startswith("sealgate")]:
            del sys.modules[name]
        sys.modules.update(ours)
    return made


def _calls(
    tree: ast.AST, function: str, method: str | None
) -> Iterator[tuple[ast.Call, str, str | None]]:
    for node in ast.iter_child_nodes(tree):
        inside = function
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{function}.{node.name}".lstrip(".")
        # A method of what re.compile gives, called at once.
        called = node.attr if isinstance(node, ast.Attribute) and node.attr in WAYS else None
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in WAYS | {"compile"}
        ):
            yield node, inside, method
        yield from _calls(node, inside, called)


def _inline(module: str, call: ast.Call) -> list[re.Pattern[Any]]:
    """Return the patterns of a call such as ``re.search``; none where only its function knows them."""
    space = vars(importlib.import_module(module))
    flags = [arg for arg in call.args[1:] if ast.unparse(arg).startswith("re.")]
    flags += [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    first = call.args[0]
    choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]

    def value_of(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), module, "eval"), space)  # noqa: S307  # our own source

    try:
        return [re.compile(value_of(one), sum(map(value_of, flags))) for one in choices]
    except NameError:
        return []


def _bound_to(tree: ast.Module, call: ast.Call) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            pairs = [(target, node.value)]
            if isinstance(node.value, ast.Tuple) and isinstance(target, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for one, value in pairs:
                if value is call and isinstance(one, ast.Name):
                    return one.id
    return None


@dataclass(frozen=True, slots=True)
class _Uses:
    """What one module does with names: methods called on them, names read bare, names imported."""

    methods: dict[str, set[str]]
    bare: set[str]
    imported: dict[tuple[str, str], str]


def _uses(tree: ast.Module) -> _Uses:
    uses = _Uses({}, set(), {})
    asked = set()
    # A parent is walked before its children.
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked.add(node.value)
            if node.attr in WAYS:
                uses.methods.setdefault(node.value.id, set()).add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                uses.imported[node.module or "", alias.name] = alias.asname or alias.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in asked:
            uses.bare.add(node.id)
    return uses


def _ways(uses: dict[str, _Uses], module: str, name: str | None) -> set[str]:
    if name is None:
        return set(_WORST)
    ways: set[str] = set()
    for other, used in uses.items():
        here = name if other == module else used.imported.get((module, name))
        if here is not None:
            ways |= used.methods.get(here, set())
            ways |= _WORST if here in used.bare else set()
    return ways
