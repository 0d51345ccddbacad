"""How a field's text becomes a column's value: each kind reads one text carefully, or a whole column of them at once.

`many` may only accept what `one` accepts, with the same value; whatever it does not recognise it marks, and `one` then
decides. So a block of a million clean values costs a few array operations, and an odd value gets a readable reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

import numpy as np

from ingest.formats.arrow import ArrowInvalidError, pa, pc
from ingest.formats.text_columns import Arrays, Mask, characters, consists_of, cut_at, halves, mask_of, offsets_of
from ingest.lake.schema import Type

TIME = Type.TIME.arrow
NULLS = ("-", "", "null")
"""The texts that mean nothing; in every format, and no other."""


class Kept(IntEnum):
    """As what a column keeps its values, for the compiled reader (cutter.c)."""

    TEXT = 0
    DICTIONARY = 1
    INT32 = 2
    INT64 = 3
    REAL = 4
    SECONDS = 5
    TIME = 6
    EPOCH = 7


class Parts(IntEnum):
    """Into which columns a value goes, for the compiled reader (cutter.c)."""

    WHOLE = 0
    ADDRESS_PORT = 1
    REQUEST = 2


@dataclass(frozen=True)
class Compiled:
    """How the compiled reader reads a kind: for each column as what it is kept, and the least and greatest number."""

    columns: tuple[tuple[Kept, int, int], ...]
    parts: Parts = Parts.WHOLE


class BadValueError(ValueError):
    """A text that is no value of its kind; the message says what it should be."""


@dataclass(frozen=True)
class Kind:
    """A way to read a field into one column or several.

    `one(text)` gives a value per column, or raises BadValueError; `many(texts)` gives an array per column and a mask of
    the texts it did not recognise (None: it recognised all). Lines with a field of a kind that is not `compiled` are
    never read by the compiled reader.
    """

    one: Callable[[str], tuple[object, ...]]
    many: Callable[[Any], tuple[Arrays, Mask | None]]
    compiled: Compiled | None = None


_LONGEST_NULL = max(map(len, NULLS))


def nullify(texts: Any) -> Any:
    """The texts, NULL where AWS wrote that there is nothing."""
    if len(texts) and not texts.null_count and int(np.diff(offsets_of(texts)).min()) > _LONGEST_NULL:
        return texts
    nothing = mask_of(pc.is_in(texts, value_set=pa.array(NULLS)))
    if not nothing.any():
        return texts
    # Not if_else, which leaves the text that is not to be read among the column's bytes.
    return texts.take(pa.array(np.arange(len(texts)), mask=nothing | texts.is_null().to_numpy(zero_copy_only=False)))


def without(values: Any, bad: Mask) -> Any:
    """The array with NULL where the mask says so."""
    return pc.if_else(pa.array(bad), pa.scalar(None, values.type), values)


def either(*masks: Mask | None) -> Mask | None:
    """Where any of the masks says so; None is a mask that says nothing."""
    said = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(said) if said else None


def _keep(texts: Any) -> tuple[Arrays, Mask | None]:
    return [texts], None


def _alone(kept: Kept, least: int = 0, most: int = 0) -> Compiled:
    return Compiled(((kept, least, most),))


TEXT = Kind(lambda text: (text,), _keep, _alone(Kept.TEXT))


def _numbers(texts: Any, shape: str, allowed: Sequence[bytes], type: Any) -> tuple[Any, Mask | None]:
    """Texts of that shape as numbers; the ranges of allowed bytes are a cheap proof that spares the shape's regex.

    What a reader made numbers already stays as it is.
    """
    if pa.types.is_integer(texts.type):
        return texts, None
    if consists_of(texts, *allowed):
        try:
            return pc.cast(texts, type), None
        except ArrowInvalidError:
            pass
    bad = mask_of(pc.invert(pc.match_substring_regex(texts, shape)))
    return pc.cast(without(texts, bad), type), bad


_INTEGER_BYTES = (b"09", b"--")
_REAL_BYTES = (b"09", b"-.")
_ADDRESS_BYTES = (b"0:", b"..", b"af", b"AF")
_ADDRESS_PORT = re.compile(r"\[?([0-9a-fA-F:.]+)\]?:([0-9]{1,5})", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_REAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def integer(type: Type, low: int | None = None, high: int | None = None) -> Kind:
    """Whole numbers within the type's range, or a narrower one."""
    bits = 31 if type is Type.INT else 63
    least, most = (-(2**bits) if low is None else low), (2**bits - 1 if high is None else high)

    def one(text: str) -> tuple[object, ...]:
        # The length is bounded because Python refuses to read a number of more than 4,300 digits.
        if not _INTEGER.fullmatch(text) or len(text) > 100:
            raise BadValueError("is not a whole number")
        if not least <= int(text) <= most:
            raise BadValueError(f"is not within {least} to {most}")
        return (int(text),)

    def many(texts: Any) -> tuple[Arrays, Mask | None]:
        wide, bad = _numbers(texts, r"^-?[0-9]{1,18}$", _INTEGER_BYTES, pa.int64())
        extremes = pc.min_max(wide).as_py()
        if extremes["min"] is not None and (extremes["min"] < least or extremes["max"] > most):
            outside = mask_of(pc.or_(pc.less(wide, least), pc.greater(wide, most)))
            wide, bad = without(wide, outside), either(bad, outside)
        return [pc.cast(wide, type.arrow)], bad

    return Kind(one, many, _alone(Kept.INT32 if type is Type.INT else Kept.INT64, least, most))


def _real(text: str) -> tuple[object, ...]:
    if not _REAL.fullmatch(text) or not math.isfinite(float(text)):
        raise BadValueError("is not a decimal number")
    return (float(text),)


def _reals(texts: Any) -> tuple[Arrays, Mask | None]:
    values, bad = _numbers(texts, r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$", _REAL_BYTES, pa.float64())
    # Arrow reads '.5', '-.5' and '5.' and overflows to infinity; one() says what of that is a number.
    letters = characters(texts)
    dots = np.flatnonzero(letters == ord("."))
    if len(dots):
        edges = offsets_of(texts) - offsets_of(texts)[0]
        after_minus = letters[np.maximum(dots - 1, 0)] == ord("-")
        if np.isin(edges[:-1], dots).any() or np.isin(edges[1:] - 1, dots).any() or after_minus.any():
            odd = mask_of(pc.match_substring_regex(texts, r"^-?\.|\.$"))
            return [without(values, odd)], either(bad, odd)
    if letters.size and (pc.max(pc.binary_length(texts)).as_py() or 0) > 30:
        long = mask_of(pc.greater(pc.binary_length(texts), 30))
        return [without(values, long)], either(bad, long)
    return [values], bad


REAL = Kind(_real, _reals, _alone(Kept.REAL))


def _seconds(text: str) -> tuple[object, ...]:
    value = _real(text)
    return (None,) if value == (-1.0,) else value


def _seconds_of_many(texts: Any) -> tuple[Arrays, Mask | None]:
    [values], bad = _reals(texts)
    if len(values) and (pc.min(values).as_py() or 0.0) < 0:
        values = without(values, mask_of(pc.equal(values, -1.0)))
    return [values], bad


SECONDS = Kind(_seconds, _seconds_of_many, _alone(Kept.SECONDS))
"""A processing time, where -1 means that there was none."""


def read_time(text: str) -> datetime:
    """ISO 8601 in UTC with at most nine decimals (kept to the microsecond); BadValueError otherwise."""
    found = _TIME.fullmatch(text)
    if not found:
        raise BadValueError("is not a time like 2026-01-31T23:59:59.123456Z")
    try:
        whole = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise BadValueError("is not a time that exists") from None
    return whole.replace(microsecond=int((found[2] or "").ljust(6, "0")[:6]))


_TIME_LENGTHS = (20, *range(22, 28))
_TIME_SHAPE = np.frombuffer(b"0000-00-00T00:00:00.000000Z", dtype=np.uint8)


def _time_shaped(texts: Any, length: int) -> bool:
    """Whether all the texts, each of that length, are digits and punctuation as a time has them."""
    shape = np.append(_TIME_SHAPE[: length - 1], _TIME_SHAPE[-1])
    found = characters(texts).reshape(-1, length)
    # By how much a byte may be above the shape's: what is less wraps around and is above it by more.
    room = np.where(shape == ord("0"), np.uint8(9), np.uint8(0))
    return bool((found - shape <= room).all())


def _times(texts: Any) -> tuple[Arrays, Mask | None]:
    present = texts if texts.null_count == 0 else texts.drop_null()
    lengths = np.diff(offsets_of(present))
    if not len(lengths):
        return [pc.cast(texts, TIME)], None
    length = int(lengths[0])
    if (lengths == length).all() and length in _TIME_LENGTHS and _time_shaped(present, length):
        try:
            return [pc.cast(texts, TIME)], None
        except ArrowInvalidError:
            pass
    read: dict[str | None, datetime | None] = {None: None}
    for text in pc.unique(present).to_pylist():
        try:
            read[text] = read_time(text)
        except BadValueError:
            read[text] = None
    values = pa.array([read[text] for text in texts.to_pylist()], TIME)
    bad = mask_of(pc.and_(values.is_null(), texts.is_valid()))
    return [values], (bad if bad.any() else None)


TIME_KIND = Kind(lambda text: (read_time(text),), _times, _alone(Kept.TIME))


def _address_port(text: str) -> tuple[object, ...]:
    found = _ADDRESS_PORT.fullmatch(text)
    if not found or int(found[2]) > 65535:
        raise BadValueError("is not address:port")
    return (found[1], int(found[2]))


def _addresses_ports(texts: Any) -> tuple[Arrays, Mask | None]:
    bad: Mask | None = None
    clean = consists_of(texts, *_ADDRESS_BYTES)
    cut = cut_at(texts, ":", 1) if clean else None
    if cut is None:
        pieces = pc.split_pattern(texts, ":", max_splits=1, reverse=True)
        if not (clean and _all_two(pieces)):
            bad = mask_of(pc.invert(pc.match_substring_regex(texts, r"^[0-9a-fA-F:.]+:[0-9]{1,5}$")))
            texts = without(texts, bad)
            pieces = pc.split_pattern(texts, ":", max_splits=1, reverse=True)
        cut = halves(pieces)
    address, port = cut
    [ports], worse = PORT.many(port)
    empty = mask_of(pc.or_(pc.equal(pc.binary_length(address), 0), pc.greater(pc.binary_length(port), 5)))
    return [address, ports], either(bad, worse, empty if empty.any() else None)


def _all_two(pieces: Any) -> bool:
    lengths = pc.list_value_length(pieces)
    return pc.min_max(lengths).as_py() in ({"min": 2, "max": 2}, {"min": None, "max": None})


PORT = integer(Type.INT, 0, 65535)
ADDRESS_PORT = Kind(
    _address_port, _addresses_ports, Compiled(((Kept.TEXT, 0, 0), (Kept.INT32, 0, 65535)), Parts.ADDRESS_PORT)
)
"""`address:port`, split at the last colon; brackets around an IPv6 address are dropped."""

MILLISECONDS_ABOVE = 10**11
"""An epoch larger than this is in milliseconds: as seconds it would be the year 5138."""

_LATEST = 10**14
_LONG = integer(Type.LONG, 0, _LATEST)


def _epoch(text: str) -> tuple[object, ...]:
    [value] = _LONG.one(text)
    assert isinstance(value, int)
    micros = value * (1000 if value > MILLISECONDS_ABOVE else 1_000_000)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros),)


def _epochs(texts: Any) -> tuple[Arrays, Mask | None]:
    [values], bad = _LONG.many(texts)
    if (pc.max(values).as_py() or 0) <= MILLISECONDS_ABOVE:
        micros = pc.multiply(values, 1_000_000)
    else:
        scale = pc.if_else(pc.greater(values, MILLISECONDS_ABOVE), 1000, 1_000_000)
        micros = pc.multiply(values, scale)
    return [pc.cast(micros, TIME)], bad


EPOCH = Kind(_epoch, _epochs, _alone(Kept.EPOCH, 0, _LATEST))
"""Seconds since 1970, or milliseconds where they are too many for seconds."""

PLAIN = {
    Type.TEXT: TEXT,
    Type.INT: integer(Type.INT),
    Type.LONG: integer(Type.LONG),
    Type.REAL: REAL,
    Type.TIME: TIME_KIND,
}
"""The kind of a field that is one column of that type."""
