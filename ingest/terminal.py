"""Text as a terminal may show it: names come from buckets and log lines, and could rewrite the screen."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""The text with control, direction and line characters spelled out: `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def message(error: Exception) -> str:
    """What an error says, its lines kept."""
    return "\n".join(visible(line) for line in str(error).strip().split("\n"))
