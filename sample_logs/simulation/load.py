"""Benchmark loads: millions of lines of one format, shaped like the simulation's but drawn column by column."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import alb, lattice, vpc_flow
from .delivery import day_folder, minute_name
from .estate import EstateBuilder
from .flows import FlowRecord
from .topology import ACCOUNT_A, REGION, Service, Source, Topology

FORMATS = ("lattice_access", "alb_access", "vpc_flow")
SLOT = 300
POOL = 4000
UNITS: dict[str, Any] = {"s": pa.timestamp("s"), "us": pa.timestamp("us")}
CHUNK = 200_000
SOURCES = 8  # objects that share a slot
# Values no real line holds; a rendered line is cut at them, and the columns go between the pieces.
TIME, CREATED = 978_307_200.0, 978_307_201.0
NUMBERS = tuple(999_000_000_001 + n for n in range(8))

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
Strings = Any  # an Arrow string array: the stubs of pyarrow.compute refuse what its functions take
arrow: Any = pc


@dataclass
class Shape:
    """A format's load: `pieces[i]` are the texts before column i, one per pool entry; `columns` draws values."""

    pieces: list[Strings]
    columns: Callable[[np.random.Generator, Numbers, Numbers], list[Strings]]
    key: Callable[[int, int], str]
    header: bytes


def write_load(out: Path, table: str, rows: int, rows_per_file: int, seed: int, start: float) -> int:
    """Writes `rows` lines of `table` in gzip objects of `rows_per_file` under `out`; returns the number of objects.

    Eight objects share a slot of five minutes, from `start` (epoch seconds) on; an object's lines are in order of time.
    """
    shape = SHAPES[table](seed, start)
    draw = np.random.default_rng(seed)
    files = -(-rows // rows_per_file)
    batch = max(1, CHUNK // rows_per_file)
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(2) as pool:
        for first in range(0, files, batch):
            numbers = range(first, min(first + batch, files))
            sizes = [min(rows_per_file, rows - n * rows_per_file) for n in numbers]
            lines = _lines(shape, draw, start, numbers, sizes)
            offset = 0
            for number, size in zip(numbers, sizes, strict=True):
                path = out / shape.key(number, int(start) + number // SOURCES * SLOT)
                pending.append(pool.submit(_write, path, shape.header, lines.slice(offset, size)))
                offset += size
            while len(pending) > 2 * batch:
                pending.pop(0).result()
        for future in pending:
            future.result()
    return files


def _lines(shape: Shape, draw: np.random.Generator, start: float, files: range, sizes: list[int]) -> Strings:
    slots = np.repeat([int(start) + n // SOURCES * SLOT for n in files], sizes)
    place = np.concatenate([(np.arange(size) + draw.random(size)) / size for size in sizes])
    micros = (slots * 1_000_000 + (place * (SLOT - 1) * 1_000_000).astype(np.int64)).astype(np.int64)
    chosen = draw.integers(0, POOL, len(micros))
    columns = shape.columns(draw, micros, chosen)
    taken = [piece.take(pa.array(chosen)) for piece in shape.pieces]
    parts = [part for pair in zip(taken[:-1], columns, strict=True) for part in pair] + [taken[-1]]
    return arrow.binary_join_element_wise(*parts, "")


def _write(path: Path, header: bytes, lines: Strings) -> None:
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packer.compress(header) + packer.compress(body) + packer.flush())


def _cut(lines: list[str], marks: list[str]) -> list[Strings]:
    """The pieces of each line around the marks, which stand in the same order in all of them."""
    pattern = re.compile("|".join(map(re.escape, marks)))
    rows = [pattern.split(line + "\n") for line in lines]
    return [pa.array(piece) for piece in zip(*rows, strict=True)]


# -- columns -----------------------------------------------------------------------------------------------------------


def _text(numbers: Numbers) -> Strings:
    return arrow.cast(pa.array(numbers), pa.string())


def _moment(micros: Numbers, unit: str) -> Strings:
    """ISO times; `unit`: s or us."""
    divisor = 1_000_000 if unit == "s" else 1
    stamps = pa.array(micros // divisor, UNITS[unit])
    iso = arrow.utf8_replace_slice(arrow.cast(stamps, pa.string()), 10, 11, "T")
    return arrow.binary_join_element_wise(iso, "Z", "")


def _hex(draw: np.random.Generator, count: int, layout: str) -> Strings:
    """`count` texts of `layout`, every x replaced by a random hexadecimal digit."""
    width = len(layout)
    cells = np.tile(np.frombuffer(layout.encode(), np.uint8), (count, 1))
    places = np.array([n for n, c in enumerate(layout) if c == "x"])
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    cells[:, places] = digits[draw.integers(0, 16, (count, len(places)), np.uint8)]
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets.tobytes()), pa.py_buffer(cells.tobytes()))


def _milliseconds(draw: np.random.Generator, count: int, median: float) -> Numbers:
    return np.minimum(draw.lognormal(np.log(median), 0.8, count), 19_999).astype(np.int64)


def _port(draw: np.random.Generator, count: int) -> Numbers:
    return draw.integers(32768, 61000, count)


# -- shapes ------------------------------------------------------------------------------------------------------------


def _estate(seed: int, start: float) -> tuple[Topology, Random]:
    return EstateBuilder(seed, start, start + 3600, 50).build(), Random(f"load-{seed}")


def _source(service: Service, rng: Random) -> Source:
    task = rng.choice(service.tasks)
    principal = f"arn:aws:sts::{service.account}:assumed-role/{service.role_name}/{task.session}"
    return Source(service.name, principal, service.account, task.host)


def _lattice(seed: int, start: float) -> Shape:
    topology, rng = _estate(seed, start)
    services = list(topology.services.values())
    fronted = [service for service in services if service.service_arn]
    lines = []
    for _ in range(POOL):
        source, service, route = _source(rng.choice(services), rng), rng.choice(fronted), 0
        task, refused = rng.choice(service.tasks), rng.random() < 0.01
        request = service.routes[route]
        lines.append(
            lattice.access_line(
                topology,
                source,
                service,
                at=TIME,
                ip_port=f"{source.host.ipv4}:{NUMBERS[0]}",
                target="-" if refused else f"{task.host.ipv4}:{task.port}",
                target_group="-" if refused else service.target_group_arn,
                signed=True,
                denied="Service" if refused else "-",
                failure="ClientAccessDenied" if refused else "-",
                status=403 if refused else rng.choices((200, 404, 500), (0.98, 0.015, 0.005))[0],
                grpc_status=None,
                method=request.method,
                path=request.path,
                octets=(NUMBERS[1], NUMBERS[2]),
                durations=(NUMBERS[3], NUMBERS[4], NUMBERS[5]),
                host=service.host,
                request_id=str(NUMBERS[6]),
            )
        )
    marks = [lattice.seconds(TIME), *map(str, NUMBERS[:7])]

    def columns(draw: np.random.Generator, micros: Numbers, chosen: Numbers) -> list[Strings]:
        n = len(micros)
        wait, to_target, back = _milliseconds(draw, n, 30), draw.integers(1, 4, n), draw.integers(0, 2, n)
        return [
            _text(_port(draw, n)),
            _moment(micros, "s"),
            _text(draw.integers(200, 2000, n)),
            _text(draw.integers(200, 9000, n)),
            _text(wait + to_target + back),
            _text(to_target),
            _text(back),
            _hex(draw, n, "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx"),
        ]

    def key(number: int, slot: int) -> str:
        network = topology.network_id
        return (
            f"AWSLogs/{ACCOUNT_A}/VpcLattice/AccessLogs/{REGION}/{day_folder(slot)}/{network}/"
            f"{ACCOUNT_A}_VpcLatticeAccessLogs_{REGION}_{network}_{minute_name(slot)}_{number:08x}.json.gz"
        )

    return Shape(_cut(lines, marks), columns, key, b"")


def _alb(seed: int, start: float) -> Shape:
    topology, rng = _estate(seed, start)
    lb = topology.load_balancers["edge"]
    services = list(topology.services.values())
    fronted = [service for service in services if service.lb is lb]
    lines = []
    for _ in range(POOL):
        source, service = _source(rng.choice(services), rng), rng.choice(fronted)
        task, request = rng.choice(service.tasks), rng.choice(service.routes)
        status = rng.choices((200, 404, 500), (0.98, 0.015, 0.005))[0]
        lines.append(
            alb.access_line(
                lb,
                created=CREATED,
                done=TIME,
                client=f"{source.host.ipv4}:{NUMBERS[0]}",
                target=f"{task.host.ipv4}:{task.port}",
                times=(str(NUMBERS[1]), str(NUMBERS[2]), str(NUMBERS[3])),
                status=status,
                target_status=str(status),
                octets=(NUMBERS[4], NUMBERS[5]),
                method=request.method,
                host=service.host,
                path=request.path,
                agent=lattice.user_agent(source),
                group=service.alb_target_group_arn,
                trace_id=str(NUMBERS[6]),
                priority=service.rule_priority,
                conn_trace_id=str(NUMBERS[7]),
                node=lb.nodes[0].ipv4,
            )
        )
    marks = [alb.micros(TIME), alb.micros(CREATED), *map(str, NUMBERS)]
    seconds: Any = pa.array([f"{n / 1000:.3f}" for n in range(20_000)])

    def columns(draw: np.random.Generator, micros: Numbers, chosen: Numbers) -> list[Strings]:
        n = len(micros)
        times = [draw.integers(0, 3, n), _milliseconds(draw, n, 30), draw.integers(0, 2, n)]
        created = (micros - sum(times) * 1000) // 1000 * 1000
        return [
            _moment(micros, "us"),
            _text(_port(draw, n)),
            *(seconds.take(pa.array(part)) for part in times),
            _text(draw.integers(200, 2000, n)),
            _text(draw.integers(200, 9000, n)),
            _hex(draw, n, "Root=1-69afdxxx-xxxxxxxxxxxxxxxxxxxxxxxx"),
            _moment(created, "us"),
            _hex(draw, n, "TID_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ]

    def key(number: int, slot: int) -> str:
        stop, node = slot + SLOT, lb.nodes[0].ipv4
        return (
            f"AWSLogs/{ACCOUNT_A}/elasticloadbalancing/{REGION}/{day_folder(stop)}/{ACCOUNT_A}_elasticloadbalancing_{REGION}_"
            f"{lb.elb.replace('/', '.')}_{minute_name(stop)}_{node}_{number:08x}.log.gz"
        )

    return Shape(_cut(lines, marks), columns, key, b"")


def _flow(seed: int, start: float) -> Shape:
    topology, rng = _estate(seed, start)
    vpc = topology.vpcs["a"]
    services = [service for service in topology.services.values() if service.vpc is vpc]
    lines, reply = [], []
    for _ in range(POOL):
        task, outward = rng.choice(rng.choice(services).tasks), rng.random() < 0.5
        peer = f"169.254.171.{rng.randrange(32, 90)}"
        ends = (task.host.ipv4, peer) if outward else (peer, task.host.ipv4)
        reply.append(0 if outward else 1)
        action = "REJECT" if rng.random() < 0.005 else "ACCEPT"
        record = FlowRecord(
            eni=task.host.eni,
            src=ends[0],
            dst=ends[1],
            pkt_src=ends[0],
            pkt_dst=ends[1],
            sport=NUMBERS[0],
            dport=NUMBERS[1],
            packets=NUMBERS[2],
            octets=NUMBERS[3],
            start=NUMBERS[4],
            end=NUMBERS[5],
            action=action,
            flags=NUMBERS[6],
            direction="egress" if outward else "ingress",
            path="1" if outward else "-",
        )
        lines.append(vpc_flow.line(record))
    replies = np.array(reply)
    flags: Any = pa.array(["0", "2", "3", "18", "19", "1"])

    def columns(draw: np.random.Generator, micros: Numbers, chosen: Numbers) -> list[Strings]:
        n = len(micros)
        port, back, packets = _port(draw, n), replies[chosen] == 1, draw.integers(1, 60, n)
        ended = micros // 1_000_000
        return [
            _text(np.where(back, 443, port)),
            _text(np.where(back, port, 443)),
            _text(packets),
            _text(packets * 52 + draw.integers(0, 1400, n) * packets),
            _text(ended - 59),
            _text(ended),
            flags.take(pa.array(draw.integers(0, 6, n))),
        ]

    def key(number: int, slot: int) -> str:
        name = f"{vpc.account}_vpcflowlogs_{REGION}_{vpc.flow_log_id}_{minute_name(slot)}_{number:08x}.log.gz"
        return f"AWSLogs/{vpc.account}/vpcflowlogs/{REGION}/{day_folder(slot)}/{name}"

    marks = list(map(str, NUMBERS[:7]))
    return Shape(_cut(lines, marks), columns, key, (vpc_flow.HEADER + "\n").encode())


SHAPES = {"lattice_access": _lattice, "alb_access": _alb, "vpc_flow": _flow}
