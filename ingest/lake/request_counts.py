"""The rollups of requests, counted over a batch.

Promises: what a request is, the vocabulary says in SQL, once a combination (`batch_requests`) and as integers once a
request (`batch_facts`); here alike ones are counted, by the number of their combination. While they are, a column is an
array, and its times are minutes, hours and days since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake.combinations import first_alike
from ingest.lake.declarations import CALL_HOURS, CALL_MINUTES, EDGE_HOURS, EDGE_LATENCY_HOURS
from ingest.lake.groups import Codes, Groups
from ingest.lake.schema import Table

COMBINATION = "combination"
"""The column with a combination's number, which is the place of its texts."""
PARTS = ("total", "front_door", "target", "response")
OUTCOMES = {
    "ok": "ok",
    "client_errors": "client_error",
    "denied": "denied",
    "server_errors": "server_error",
    "no_response": "no_response",
}
"""The outcome that each of these columns counts."""
_TIMED = ("http", "grpc")
_OCTAVE = 8
_NO_BUCKET = np.iinfo(np.int32).min
_NEVER = np.iinfo(np.int64).min

Counted = dict[str, Any]


@dataclass(frozen=True)
class Requests:
    """A batch's requests: `facts` are those of `batch_facts`, `told` the rows of `batch_requests`, each at its number.

    `places`: for each rollup and number, the first number that is the same in all that the rollup tells apart.
    """

    facts: Mapping[str, Codes]
    told: pa.Table
    places: Mapping[Table, Codes]

    def are(self, column: str, *values: str) -> Codes:
        """Whether a combination has one of these values there, for each number."""
        return np.asarray(pc.is_in(self.told.column(column), value_set=pa.array(values)).to_numpy())


def requests_of(facts: pa.Table, told: pa.Table) -> Requests:
    """Requests from the answers to both questions."""
    return Requests(
        {name: _integers(facts.column(name)) for name in facts.column_names},
        told,
        {
            rollup: first_alike(told, [name for name in rollup.names if name in told.column_names]).to_numpy()
            for rollup in (CALL_MINUTES, CALL_HOURS, EDGE_HOURS)
        },
    )


def count(requests: Requests) -> dict[Table, pa.Table]:
    """The rows of each rollup, with the number of their combination instead of its texts."""
    minutes, hours = _call_minutes(requests), _call_hours(requests)
    counted = {
        CALL_MINUTES: minutes,
        CALL_HOURS: hours,
        EDGE_HOURS: _edge_hours(requests, minutes),
        EDGE_LATENCY_HOURS: _edge_latency_hours(requests, hours),
    }
    return {rollup: _arrow(columns) for rollup, columns in counted.items()}


def by_hour(requests: Requests) -> pa.Table:
    """How many requests there are by combination, hour and day."""
    groups = Groups({name: requests.facts[name] for name in (COMBINATION, "hour", "day")})
    return _arrow({**groups.keys(), "requests": groups.rows})


def _call_minutes(requests: Requests) -> Counted:
    """Requests and bytes per minute and combination of caller, service and outcome."""
    facts = requests.facts
    places = {COMBINATION: requests.places[CALL_MINUTES][facts[COMBINATION]]}
    groups = Groups({**places, **{name: facts[name] for name in ("minute", "hour", "day")}})
    sizes = {name: groups.sum(facts[name]) for name in ("bytes_in", "bytes_out")}
    return {**groups.keys(), "requests": groups.rows, **sizes}


def _call_hours(requests: Requests) -> Counted:
    """Requests per hour, combination of caller and service, part of their latency, and bucket."""
    facts = requests.facts
    places = {COMBINATION: requests.places[CALL_HOURS][facts[COMBINATION]]}
    hours = Groups({**places, **{name: facts[name] for name in ("hour", "day")}})
    number, keys = hours.numbers(), hours.keys()
    timed = requests.are("kind", *_TIMED)[facts[COMBINATION]]
    found: list[Counted] = []
    for at, part in enumerate(PARTS):
        rows = np.flatnonzero(timed & (facts[part] != _NO_BUCKET))
        groups = Groups({"hour": number[rows], "bucket": facts[part][rows]})
        counted = groups.keys()
        found.append(
            {
                **{name: values[counted["hour"]] for name, values in keys.items()},
                "part": np.full(groups.count, at, dtype=np.int32),
                "bucket": counted["bucket"],
                "requests": groups.rows,
            }
        )
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _edge_hours(requests: Requests, minutes: Counted) -> Counted:
    """Call minutes by hour and edge, with a column for each outcome."""
    columns = {
        COMBINATION: requests.places[EDGE_HOURS][minutes[COMBINATION]],
        "hour": minutes["hour"],
        "day": minutes["day"],
    }
    groups = Groups(columns)
    minute, counted = minutes["minute"], minutes["requests"]
    outcomes = {column: requests.are("outcome", outcome)[minutes[COMBINATION]] for column, outcome in OUTCOMES.items()}
    return {
        **groups.keys(),
        "requests": groups.sum(counted),
        **{column: groups.sum(np.where(are, counted, 0)) for column, are in outcomes.items()},
        "first_minute": groups.least(minute),
        "last_minute": groups.greatest(minute),
        "last_ok": groups.greatest(np.where(outcomes["ok"], minute, _NEVER)),
    }


def _edge_latency_hours(requests: Requests, hours: Counted) -> Counted:
    """Call hours' whole requests by hour and edge, eight buckets a row."""
    rows = np.flatnonzero(hours["part"] == PARTS.index("total"))
    octaves, places = np.divmod(hours["bucket"][rows], _OCTAVE)
    columns = {
        COMBINATION: requests.places[EDGE_HOURS][hours[COMBINATION][rows]],
        "hour": hours["hour"][rows],
        "octave": octaves,
        "day": hours["day"][rows],
    }
    groups = Groups(columns)
    counted = hours["requests"][rows]
    return {**groups.keys(), **{f"n{n}": groups.sum(np.where(places == n, counted, 0)) for n in range(_OCTAVE)}}


def _integers(column: Any) -> Codes:
    whole = column.combine_chunks()
    return np.asarray(pc.fill_null(whole, _NO_BUCKET).to_numpy() if whole.null_count else whole.to_numpy())


def _arrow(columns: Counted) -> pa.Table:
    return pa.table({name: _ARROW.get(name, pa.array)(values) for name, values in columns.items()})


def _times(unit: int) -> Callable[[Codes], Any]:
    return lambda values: pa.array(values * unit, pa.timestamp("us", "UTC"), mask=values == _NEVER)


_MINUTES, _HOURS = _times(60_000_000), _times(3_600_000_000)
_ARROW: Mapping[str, Callable[[Any], Any]] = {
    "minute": _MINUTES,
    "first_minute": _MINUTES,
    "last_minute": _MINUTES,
    "last_ok": _MINUTES,
    "hour": _HOURS,
    "day": lambda values: pa.array(values.astype(np.int32), pa.date32()),
    "part": lambda values: pa.DictionaryArray.from_arrays(pa.array(values), pa.array(PARTS)),
}
