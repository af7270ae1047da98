"""Plain texts written so that LaTeX, BibTeX and Markdown show them as they are."""

import re

_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # What pdfTeX does not have in its fonts for texts
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≈": r"$\approx$",
    "−": "$-$",
    "→": r"$\to$",
    "√": r"$\surd$",
    "×": r"$\times$",
}
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$!^])")


def latex(text: str) -> str:
    """The text for LaTeX, and for a field of BibTeX in braces, with pdfTeX and UTF-8."""
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


def markdown(text: str) -> str:
    """The text for Markdown: no emphasis, no link, no HTML, no further column."""
    return _MARKDOWN.sub(r"\\\1", _one_line(text)).replace("&", "&amp;").replace("<", "&lt;")


def _one_line(text: str) -> str:
    return " ".join(text.split())
