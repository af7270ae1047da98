"""params.yaml with overlays and single values on top, the same for `snakemake` and for `regrade`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from regrade.core import yaml_files
from regrade.core.errors import UserError

BASE = "params.yaml"


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    """Merge `overlay` into `base`, whose keys stay in their order: key by key, while lists and values are replaced."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


def merged(overlays: Iterable[Path | str] = (), values: Iterable[str] = ()) -> dict[str, Any]:
    """params.yaml with overlays (`--configfile`), then single values (`--config`), each merged on top.

    `values`: KEY=VALUE, where VALUE is YAML. UserError for a file or a value that cannot be read.
    """
    config: dict[str, Any] = {}
    for name in (BASE, *overlays):
        merge(config, of_file(name))
    for text in values:
        merge(config, of_value(text))
    return config


def of_file(name: Path | str) -> dict[str, Any]:
    """The content of params.yaml or of an overlay. UserError for a file that cannot be read."""
    try:
        content = yaml_files.read(name)
    except UserError as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        raise UserError(f"{error}: run this where params.yaml is") if missing and name == BASE else error from None
    if not isinstance(content, dict):
        raise UserError(f"{name} is not a mapping of keys to values")
    return content


def of_value(text: str) -> dict[str, Any]:
    """The parameter that KEY=VALUE gives, where VALUE is YAML. UserError for what is no such thing."""
    key, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--config {text}: write it as KEY=VALUE")
    if "." in key:
        raise UserError(f"--config {key}=…: write nested keys as a mapping, 'scales={{demo: {{cells_per_job: 2}}}}'")
    return {key: yaml_files.parse(value, f"--config {key}")}
