"""YAML as its writers mean it: numbers as in YAML 1.2 and Python, no key twice, dates as texts, always UTF-8."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from regrade.core.errors import UserError

_NUMBER = re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?")
# From here on, not every whole number is a floating-point number
_EXACT = 2**53
# Whole numbers with more digits are too large for any use here
_DIGITS = 30
# Values that a file may stand for, each counted as often as aliases repeat it
_MOST_VALUES = 10**6


def number(value: object) -> object:
    """The number that a text stands for (1e-05, +3, 1_000), whole ones as int; any other value unchanged.

    YAML 1.1 reads 1e-05, as DVC and Python write it, as text. 1000, 1000.0 and 1e3 are the same number.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            whole = value.lstrip("+-").replace("_", "").isdecimal() and len(value) < _DIGITS
            value = int(value) if whole else float(value)
        except ValueError:  # an underscore in an odd place
            return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader with the plain values of YAML 1.2, and an error for duplicate keys."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_document(self, node: yaml.Node) -> Any:
        _count(node, {})
        return super().construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is there twice; remove one", key.start_mark
                    )
                seen.add((key.tag, key.value))
        return dict(super().construct_mapping(node, deep))

    def construct_number(self, node: yaml.ScalarNode) -> object:
        text = str(self.construct_scalar(node))
        return float(text.lower().replace(".", "")) if _NOT_FINITE.fullmatch(text) else number(text)

    def construct_date(self, node: yaml.ScalarNode) -> str:
        """Dates stay text, but one that does not exist is an error, as it is for Snakemake."""
        try:
            self.construct_yaml_timestamp(node)
        except ValueError as error:
            problem = f"there is no date {node.value} ({error}); quote it if it is meant as text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None
        return str(node.value)


def _count(node: yaml.Node, counts: dict[int, int]) -> int:
    """How many values a node stands for; `counts`: of nodes that were counted, 0 while that is going on.

    ConstructorError for a node that is part of itself, or that aliases make too many values of.
    """
    if id(node) not in counts:
        counts[id(node)] = 0
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        # The entries of a mapping are pairs of nodes
        inner = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
        counts[id(node)] = 1 + sum(_count(one, counts) for one in inner)
    count = counts[id(node)]
    if not 0 < count <= _MOST_VALUES:
        problem = "aliases (*) make more values of this than can be meant" if count else "this is part of itself"
        raise yaml.constructor.ConstructorError(None, None, f"{problem}; write it without the alias", node.start_mark)
    return count


_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("float", rf"{_NUMBER.pattern}|{_NOT_FINITE.pattern}", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
    ("timestamp", r"\d{4}-\d\d?-\d\d?([Tt \t].*)?", list("0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
for _tag, _construct in (
    ("int", _Loader.construct_number),
    ("float", _Loader.construct_number),
    ("timestamp", _Loader.construct_date),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct)


def parse(text: str, where: str) -> object:
    """The content of a YAML text. UserError, beginning with `where` and the line, for what is not YAML."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{where}{line}: {_sentence(error.problem or error.context)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{where} is not YAML: {_sentence(error)}") from None
    except RecursionError:
        raise UserError(f"{where} cannot be read as YAML: it is nested too deeply") from None


def read(path: Path | str) -> object:
    """The content of a YAML file in UTF-8. UserError names the file, and the line, of what cannot be read."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(not_utf_8(path, error)) from None
    return parse(text, str(path))


def not_utf_8(path: Path | str, error: UnicodeDecodeError) -> str:
    """One sentence for a file of any kind that is in another encoding."""
    return f"{path} is not in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8"


def _sentence(problem: object) -> str:
    return " ".join(str(problem).split())
