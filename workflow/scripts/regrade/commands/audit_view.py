"""What `regrade audit` shows: a study's rates in a table, and the sum in a sentence."""

from typing import Any

from regrade.config.looks import ERROR


def as_text(content: dict[str, Any]) -> str:
    """An audit as a table for the terminal."""
    head = ["", "false if alone", "false", *(f"found with {seeds} seeds" for seeds in content["looks"])]
    rows = [("all claims", content), *((claim["id"], claim) for claim in content["claims"])]
    table = [head] + [[name, *map(_text, _shown(rates, content["looks"]))] for name, rates in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    ]
    any_false = content["any_false"]
    return "\n".join(
        [
            f"{content['study']}: any claim falsely confirmed in {_text(any_false)} of {content['worlds']} worlds "
            f"(95 % interval {any_false['low']:.1%} to {any_false['high']:.1%}; at most {ERROR:.0%} is promised)",
            *lines,
        ]
    )


def _shown(rates: dict[str, Any], seeds: list[int]) -> list[dict[str, float] | None]:
    return [rates["alone"], rates["false"], *(rates["power"][str(count)] for count in seeds)]


def _text(rate: dict[str, float] | None) -> str:
    return f"{rate['share']:.1%}" if rate else "–"
