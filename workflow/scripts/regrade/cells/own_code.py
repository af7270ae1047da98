"""The code of networks of the user's own, found and read without importing it.

It is searched for in the project's folder first, then where Python finds what is installed. Nothing here runs it.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

from regrade.config.messages import hint
from regrade.config.types import Argument
from regrade.core import fingerprints
from regrade.core.checkout import PACKAGE
from regrade.core.errors import UserError
from regrade.core.files import sha256, short_hash

# Where installed packages lie, whose files nobody edits
INSTALLED = {"site-packages", "dist-packages", Path(sysconfig.get_path("stdlib")).name}
# Many cells have the same network
_tree = cache(fingerprints.tree)


def find(module: str) -> Path:
    """The file of a module. UserError where there is none."""
    return _file(_root(module, Path.cwd()), module) or _missing(module)


def digest(target: str) -> str:
    """Short hash of what `package.module:Class` is imported from, whatever the project's folder is called.

    In the project (or a package that is developed elsewhere): what the module means, and all modules there that it
    imports. Installed: the package's version and its Python files. UserError for code that is missing or no Python.
    """
    return _digest(target.partition(":")[0], Path.cwd())


def files(target: str) -> list[Path]:
    """The files in the project's folder that `digest` covers, relative to it."""
    module, project = target.partition(":")[0], Path.cwd()
    root = _root(module, project)
    reached = {} if _is_installed(root) else _closure(module, project, root)
    return sorted(path.relative_to(project) for path in reached.values() if path.is_relative_to(project))


def check(target: str, arguments: dict[str, Argument]) -> None:
    """UserError when the module's file has no such class, or its constructor there not these arguments.

    What can be told only by running the module, such as a class that another module defines, passes.
    """
    module, _, name = target.partition(":")
    path = find(module)
    defined = dict(_defined(_tree(path).body))
    if name not in defined:
        if "*" in defined or "__getattr__" in defined:
            return
        classes = [each for each, node in defined.items() if isinstance(node, ast.ClassDef)]
        raise UserError(f"{_shown(path)} has no class {name}{hint(name, classes) if classes else ''}; correct the name")
    match defined[name]:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            raise UserError(f"{name} in {_shown(path)} is a function; name a class that is a torch.nn.Module")
        case ast.ClassDef(body=body, decorator_list=[]):
            own = dict(_defined(body)).get("__init__")
            if isinstance(own, ast.FunctionDef) and not own.decorator_list:
                _check_arguments(name, own.args, arguments)


def _check_arguments(name: str, signature: ast.arguments, given: dict[str, Argument]) -> None:
    by_position = [each.arg for each in (*signature.posonlyargs, *signature.args)][1:]
    known = [*by_position, *(each.arg for each in signature.kwonlyargs)]
    for key in given:
        if key not in known and not signature.kwarg:
            raise UserError(
                f"{name} takes no argument {key!r}{hint(key, known) if known else ''}; correct or remove it"
            )
    without_default = by_position[: len(by_position) - len(signature.defaults)]
    without_default += [
        each.arg for each, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True) if default is None
    ]
    for key in without_default:
        if key not in given:
            raise UserError(f"{name} needs the argument {key!r}; add it")


def _defined(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """The names that statements bind, each with the statement; `*` for those that cannot be told."""
    for node in body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    yield alias.asname or alias.name.split(".")[0], node
            case _:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                        yield inner.id, node
                    elif isinstance(inner, ast.stmt) and inner is not node:
                        yield from _defined([inner])


@cache
def _digest(module: str, project: Path) -> str:
    root = _root(module, project)
    if _is_installed(root):
        return _of_installed(module.split(".")[0], root)
    reached = _closure(module, project, root)
    return short_hash({name: fingerprints.text(_tree(path)) for name, path in reached.items()})


def _of_installed(package: str, root: Path) -> str:
    folder = root / package
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    total = hashlib.sha256(_version(package).encode())
    for path in paths:
        total.update(f"{path.relative_to(root).as_posix()}\n{sha256(path)}\n".encode())
    return total.hexdigest()[:8]


def _version(package: str) -> str:
    """The versions of the distributions that a package belongs to; empty for one of Python's own."""
    names = importlib.metadata.packages_distributions().get(package, [])
    return " ".join(sorted(f"{name} {importlib.metadata.version(name)}" for name in set(names)))


def _closure(module: str, *roots: Path) -> dict[str, Path]:
    """The files by module that run when this one is imported, of those in `roots`; imports in functions included.

    What it imports of this package counts, too.
    """
    roots += (PACKAGE.parent,)
    reached: dict[str, Path] = {}
    waiting = {module}
    while waiting:
        name = waiting.pop()
        path = next(filter(None, (_file(root, name) for root in roots)), None)
        if path and name not in reached:
            reached[name] = path
            waiting |= _with_packages(_imported(name, path))
            waiting |= _with_packages({name})
    return reached


def _imported(name: str, path: Path) -> set[str]:
    """What may be modules among the names that a module imports."""
    imported = set()
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            imported |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return imported - {""}


def _with_packages(names: set[str]) -> set[str]:
    return {
        ".".join(parts[:count]) for parts in (name.split(".") for name in names) for count in range(1, len(parts) + 1)
    }


def _root(module: str, project: Path) -> Path:
    """The folder that the module's outermost package lies in. UserError where there is none."""
    if _file(project, module):
        return project
    package = module.split(".")[0]
    try:
        spec = importlib.util.find_spec(package)  # of an outermost package, this imports nothing
    except ValueError:  # one that is imported already, and does not say from where
        spec = None
    places = [Path(place).parent for place in spec.submodule_search_locations or ()] if spec else []
    if spec and spec.origin:
        places.append(Path(spec.origin).parent)
    return next((place for place in places if _file(place, module)), None) or _missing(module)


def _missing(module: str) -> NoReturn:
    raise UserError(
        f"there is no Python file of a module {module}, neither in the project's folder nor in an installed package; "
        "correct its name, or put it there"
    )


def _file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _is_installed(root: Path) -> bool:
    return root.name in INSTALLED


def _shown(path: Path) -> str:
    """The path as a message shows it: relative to the project where it lies there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
