"""Lines into objects: AWS's keys, five-minute slots, gzip; flow logs as text, one account's for a while as Parquet."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from . import vpc_flow
from .flows import FlowRecord, quiet_records
from .incidents import SLOT, Incidents
from .tally import Line, Tally
from .topology import ACCOUNT_A, ACCOUNT_B, REGION, Topology, hex_id

Objects = dict[str, bytes]


class Delivery:
    """Writes one run's objects; `records` and `rejects` count what was written per table."""

    def __init__(
        self, topology: Topology, incidents: Incidents, tally: Tally, rng: Random, begin: int, end: int
    ) -> None:
        """`begin`, `end`: epoch seconds, whole slots."""
        self.topology, self.incidents, self.tally, self.rng = topology, incidents, tally, rng
        self.begin, self.end = begin, end
        self.records: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()
        third = (end - begin) // 3 // SLOT * SLOT
        self.parquet_from, self.parquet_to = begin + third, begin + third + max(third, SLOT)
        self.parquet_flow_log = "fl-" + hex_id(rng, 17)

    def write(self, out: Path) -> None:
        """All objects, under `out`."""
        objects: Objects = {}
        elb = self.topology.load_balancers["edge"].elb
        test = f"Enable AccessLog for ELB: {elb} in AWS Account: {ACCOUNT_A}\n"
        objects[f"AWSLogs/{ACCOUNT_A}/ELBAccessLogTestFile"] = test.encode()
        for (table, source), lines in sorted(self.tally.lines.items()):
            for slot, texts in sorted(self._slots(lines).items()):
                self._damage(table, slot, texts)
                objects[self._key(table, source, slot)] = _gzip(texts)
                self.records[table] += len(texts)
        self._flows(objects)
        for key in sorted(objects):
            path = out / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(objects[key])

    def _slots(self, lines: list[Line]) -> dict[int, list[str]]:
        slots: dict[int, list[str]] = {}
        for line in sorted(lines, key=lambda line: (line.at, line.text)):
            at = min(max(line.at, self.begin), self.end - 1)
            slots.setdefault(int(at) // SLOT * SLOT, []).append(line.text)
        return slots

    def _damage(self, table: str, slot: int, texts: list[str]) -> None:
        """One line of a table, in one object, cut short: a copy, so no request is lost."""
        if slot != self.begin + 2 * SLOT or self.rejects[table] or table not in ("lattice_access", "alb_access"):
            return
        cut = texts[0][: len(texts[0]) * 2 // 3] if table == "lattice_access" else " ".join(texts[0].split(" ")[:7])
        texts.insert(1, cut)
        self.rejects[table] += 1

    def _key(self, table: str, source: tuple[str, ...], slot: int) -> str:
        if table.startswith("lattice"):
            folder, name = ("AccessLogs", "VpcLatticeAccessLogs")
            if table == "lattice_resource_access":
                folder, name = ("ResourceAccessLogs", "VpcLatticeResourceAccessLogs")
            return (
                f"AWSLogs/{ACCOUNT_A}/VpcLattice/{folder}/{REGION}/{day_folder(slot)}/{source[0]}/"
                f"{ACCOUNT_A}_{name}_{REGION}_{source[0]}_{minute_name(slot)}_{hex_id(self.rng, 8)}.json.gz"
            )
        lb = next(lb for lb in self.topology.load_balancers.values() if lb.name == source[0])
        prefix = "conn_log_" if table == "alb_connection" else ""
        stop = slot + SLOT
        return (
            f"AWSLogs/{ACCOUNT_A}/elasticloadbalancing/{REGION}/{day_folder(stop)}/{prefix}{ACCOUNT_A}_elasticloadbalancing_{REGION}_"
            f"{lb.elb.replace('/', '.')}_{minute_name(stop)}_{source[1]}_{hex_id(self.rng, 8)}.log.gz"
        )

    # -- flow logs ---------------------------------------------------------------------------------------------------

    def _flows(self, objects: Objects) -> None:
        slots: dict[tuple[str, int], list[str]] = {}
        for record in self._flow_records():
            if not record.eni.vpc.flow_log_id:
                continue
            slot = record.end // SLOT * SLOT
            slots.setdefault((record.eni.vpc.name, slot), []).append(vpc_flow.line(record))
        gaps = self.incidents.of("log_gap")
        for (vpc_name, slot), texts in sorted(slots.items()):
            texts.sort(key=_flow_order)
            vpc = self.topology.vpcs[vpc_name]
            gap = next((g for g in gaps if vpc.account == ACCOUNT_B and g.start <= slot < g.end), None)
            if gap is not None:
                gap.count += len(texts)
                continue
            if vpc.account == ACCOUNT_B and self.parquet_from <= slot < self.parquet_to:
                objects[self._hive_key(slot)] = vpc_flow.parquet(texts)
            else:
                if slot == self.begin + SLOT and not self.rejects["vpc_flow"]:
                    texts.insert(3, " ".join(texts[3].split(" ")[:12]))
                    self.rejects["vpc_flow"] += 1
                key = (
                    f"AWSLogs/{vpc.account}/vpcflowlogs/{REGION}/{day_folder(slot)}/"
                    f"{vpc.account}_vpcflowlogs_{REGION}_{vpc.flow_log_id}_"
                    f"{minute_name(slot)}_{hex_id(self.rng, 8)}.log.gz"
                )
                objects[key] = _gzip([vpc_flow.HEADER, *texts])
            self.records["vpc_flow"] += len(texts)

    def _flow_records(self) -> list[FlowRecord]:
        found = list(quiet_records(self.topology, self.begin, self.end))
        for leg, incident in self.tally.legs:
            for record in leg.records(self.begin, self.end):
                found.append(record)
                if incident is not None and not self._withheld(record):
                    incident.count += record.action == ("ACCEPT" if leg.accepted else "REJECT")
        return found

    def _withheld(self, record: FlowRecord) -> bool:
        slot = record.end // SLOT * SLOT
        return record.eni.vpc.account == ACCOUNT_B and any(
            g.start <= slot < g.end for g in self.incidents.of("log_gap")
        )

    def _hive_key(self, slot: int) -> str:
        day = datetime.fromtimestamp(slot, UTC)
        return (
            f"AWSLogs/aws-account-id={ACCOUNT_B}/aws-service=vpcflowlogs/aws-region={REGION}/year={day:%Y}/month={day:%m}/day={day:%d}/"
            f"{ACCOUNT_B}_vpcflowlogs_{REGION}_{self.parquet_flow_log}_"
            f"{minute_name(slot)}_{hex_id(self.rng, 8)}.log.parquet"
        )


def _flow_order(text: str) -> tuple[str, str]:
    tokens = text.split(" ", 12)
    return tokens[11], text


def _gzip(texts: list[str]) -> bytes:
    return gzip.compress(("\n".join(texts) + "\n").encode(), 9, mtime=0)


def day_folder(at: int) -> str:
    """The folder of a day: `YYYY/MM/DD`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y/%m/%d")


def minute_name(at: int) -> str:
    """A minute as object names have it: `YYYYMMDDTHHMMZ`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%MZ")
