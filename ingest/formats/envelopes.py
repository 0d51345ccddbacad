"""Log lines out of what others wrap them in: CloudWatch Logs subscriptions, Firehose, JSON that was printed prettily.

A CloudWatch Logs subscription delivers JSON with a list of `logEvents`, each with a log line as its `message`; Firehose
puts such objects, or log records themselves, back to back without newlines. What comes out has one record a line, so a
line's number is then the number of the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ingest.formats.scan import Marks, marks

HEAD = 64 * 1024
PREAMBLE = 8 * 1024
"""Bytes within which a subscription comes to its events: before them are four names of at most 512 characters."""


_SPACE = re.compile(rb"\s*")


def unwrap(data: bytes, found_marks: Marks | None = None) -> bytes:
    """The log lines in the text of an object; the text itself where nothing is wrapped around them.

    `found_marks` are the text's `scan.marks`, where they have been found already.
    """
    if not _is_wrapped(data, found_marks):
        return data
    text = data.decode("utf-8", "surrogateescape")
    return b"".join(line.encode("utf-8", "surrogateescape") + b"\n" for line in _lines(text))


def _is_wrapped(data: bytes, found_marks: Marks | None) -> bool:
    begin = _after_space(data, 0)
    if begin == HEAD or not data.startswith(b"{", begin):
        return False
    if data.find(b'"logEvents"', begin, begin + PREAMBLE) >= 0:
        return True
    if (found_marks or marks(data)).is_joined:
        return True
    # A first line that opens an object and does not close it, where the next line carries on: printed prettily.
    end = data.find(b"\n", begin, HEAD)
    if end < 0 or data[begin:end].rstrip().endswith(b"}"):
        return False
    after = _after_space(data, end + 1)
    return after < HEAD and data.startswith(b'"', after)


def _after_space(data: bytes, at: int) -> int:
    """Where the next byte of the head is that is no white space; its end when there is none."""
    found = _SPACE.match(data, at, HEAD)
    return found.end() if found else at


def _lines(text: str) -> Iterator[str]:
    decoder = json.JSONDecoder()
    at, end = 0, len(text)
    while at < end:
        if text[at].isspace():
            at += 1
            continue
        try:
            record, after = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            # Not JSON: that line is passed on as it is, to be rejected by its format with its own text.
            after = text.find("\n", at)
            after = end if after < 0 else after
            yield text[at:after]
        else:
            if isinstance(record, dict) and isinstance(record.get("logEvents"), list):
                yield from _messages(record["logEvents"])
            else:
                yield _one_line(text[at:after])
        at = after


def _messages(events: list[object]) -> Iterator[str]:
    for event in events:
        message = event.get("message") if isinstance(event, dict) else None
        if isinstance(message, str):
            yield _one_line(message)
        else:
            yield json.dumps(event)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).strip()
