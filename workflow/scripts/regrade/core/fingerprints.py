"""What a piece of code means, as a short hash: comments, docstrings and formatting do not change it."""

import ast
import hashlib
from collections.abc import Set
from functools import cache
from pathlib import Path
from typing import TypeVar

from regrade.core.checkout import PACKAGE
from regrade.core.errors import UserError

# How files are written and errors are worded is no part of what a result means
APART = frozenset({"regrade.core"})

EMPTY = "Constant(value='')"
# A module, by its name or its file
Module = TypeVar("Module", bound=str | Path)


@cache
def code(*modules: str | Path, apart: frozenset[str] = APART) -> str:
    """First 8 hexadecimal digits of the SHA-256 of the syntax trees of `closure(*modules, apart)`."""
    named = {module if isinstance(module, str) else module.name: module for module in closure(*modules, apart=apart)}
    trees = [f"{name}\n{_parse(named[name])[0]}" for name in sorted(named)]
    return hashlib.sha256("\n".join(trees).encode()).hexdigest()[:8]


def closure(*modules: Module, apart: frozenset[str] = APART) -> set[str | Module]:
    """`modules`, the packages that they are in, and all that they import, except modules and packages `apart`.

    Only modules of this package count, named as in an import (regrade.training.job), and those given as a file, where
    there is one. An import inside a function counts like any other; what is imported for type checkers only does not.
    """
    reached: set[str | Module] = set()
    waiting: set[str | Module] = {module for module in modules if isinstance(module, str) or module.exists()}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        imported = _parse(module)[1] | _packages(module)
        waiting |= {name for name in imported - reached if not is_within(name, apart)}
    return reached


def is_within(module: str, names: Set[str]) -> bool:
    """Whether `names` has the module, or a package that it is in."""
    return module in names or not names.isdisjoint(_packages(module))


def content(*places: Path) -> str:
    """First 8 hexadecimal digits of the SHA-256 of the names and bytes of files, if they exist.

    Of a folder, those directly in it count, but not hidden files and backups, which editors make while a text is open.
    """
    total = hashlib.sha256()
    for place in places:
        for path in sorted(place.iterdir()) if place.is_dir() else [place]:
            if path.is_file() and not path.name.startswith((".", "#")) and not path.name.endswith("~"):
                total.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:8]


def _packages(module: str | Path) -> set[str]:
    """The packages that a module is in, whose `__init__` runs before it."""
    parts = module.split(".") if isinstance(module, str) else []
    return {".".join(parts[:count]) for count in range(1, len(parts))}


@cache
def _parse(module: str | Path) -> tuple[str, set[str]]:
    """The syntax tree of a module without docstrings, as text, and the modules of this package that it imports."""
    path = module if isinstance(module, Path) else _file(module)
    if path is None:
        raise ValueError(f"there is no module {module}")
    meaning, imported = _Meaning(), set()
    meant = _without(meaning, path)
    for node in meaning.imports:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names if _file(alias.name)}
        elif node.module and node.module.split(".")[0] == PACKAGE.name:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= {name if _file(name) else node.module for name in names}
    return text(meant), imported


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file without docstrings and blocks for type checkers. UserError for what is not Python."""
    return _without(_Meaning(), path)


def _without(meaning: "_Meaning", path: Path) -> ast.Module:
    try:
        parsed: ast.Module = meaning.visit(ast.parse(path.read_bytes()))
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: {error.msg}; correct it") from error
    except ValueError as error:  # null bytes
        raise UserError(f"{path}: {error}; correct it") from error
    return parsed


def text(part: object) -> str:
    """A syntax tree, or a part of it, as text that is the same under every release of Python.

    `ast.dump` is not: releases add fields that are empty in older code, and show or omit what is empty.
    """
    if isinstance(part, ast.JoinedStr):  # Python 3.12 has empty pieces in some
        return f"JoinedStr({text([piece for piece in part.values if text(piece) != EMPTY])})"
    if isinstance(part, ast.AST):
        fields = [(name, getattr(part, name, None)) for name in part._fields]
        given = [f"{name}={text(value)}" for name, value in fields if value is not None and value != []]
        return f"{type(part).__name__}({', '.join(given)})"
    if isinstance(part, list):
        return f"[{', '.join(map(text, part))}]"
    return repr(part)


def _file(module: str) -> Path | None:
    """The source of a module of this package; None for any other name."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*parts[1:])
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


class _Meaning(ast.NodeTransformer):
    """Drops docstrings and blocks for type checkers, and collects the imports that are left.

    Only statements are visited, as nothing of this is inside an expression, of which a module has many more.
    """

    def __init__(self) -> None:
        self.imports: list[ast.Import | ast.ImportFrom] = []

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            statements = getattr(node, field, [])
            statements[:] = [kept for each in statements if (kept := self.visit(each)) is not None]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        self.imports.append(node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        self.imports.append(node)
        return node
