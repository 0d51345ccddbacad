"""names.toml: what it says goes before what the logs say, and what it gets wrong is said with file and key."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import eastwest
from ingest.errors import SettingsError
from queries import catalog
from queries.names_file import read_names
from queries.session import Session, open_session
from tests.queries.lake_of import NINE, alb, at, flow, lake_of, lattice, role
from tests.queries.test_completeness import lattice as lattice_objects

ROWS = [
    {**lattice("batch-blue", "ledger", ip="10.0.0.1", target="10.0.1.1")},
    {**lattice("batch-green", "ledger", ip="10.0.0.2", target="10.0.1.1")},
    {**lattice(None, "ledger", ip="10.4.0.7", target="10.0.1.1")},
    {**lattice(None, "ledger", ip="10.5.0.7", target="10.0.1.1")},
]


def named(folder: Path, text: str) -> Session:
    file = folder / "names.toml"
    file.write_text(text)
    return open_session(lake_of(folder / "lake", {"lattice_access": ROWS}), names=read_names(file))


def callers(session: Session) -> dict[str, int]:
    raw = session.query("select caller, callee, count(*) as n from edge_requests group by all").to_pylist()
    rolled = session.query("select caller, callee, sum(requests)::bigint as n from calls group by all").to_pylist()
    assert sorted(map(str, raw)) == sorted(map(str, rolled))
    return {f"{row['caller']} -> {row['callee']}": row["n"] for row in raw}


def test_names_merge_by_arn_host_and_range(tmp_path: Path) -> None:
    text = """
        [[names]]
        arn = "arn:aws:iam::123456789012:role/batch-*"
        name = "batch"
        [[names]]
        host = "ledger.svc.example.com"
        name = "books"
        [[names]]
        cidr = "10.4.0.0/16"
        vpc = "vpc-a"
        name = "office"
    """
    with named(tmp_path, text) as session:
        assert callers(session) == {"batch -> books": 2, "office -> books": 1, "10.5.0.7 (vpc-a) -> books": 1}
        (row,) = session.query(
            "select reason from principals where principal = $p", {"p": role("batch-blue")}
        ).to_pylist()
        assert row["reason"] == "named in names.toml: arn = arn:aws:iam::123456789012:role/batch-*"


def test_a_role_and_a_service_of_one_given_name_are_one_node(tmp_path: Path) -> None:
    text = '[[names]]\narn = "*:role/batch-blue"\nname = "books"\n[[names]]\nhost = "ledger.*"\nname = "books"\n'
    with named(tmp_path, text) as session:
        assert callers(session)["books -> books"] == 1
        assert session.query("select name from nodes where starts_with(node, 'names.toml')").num_rows == 1


def test_who_goes_past_a_load_balancer_is_seen_under_a_given_name_too(tmp_path: Path) -> None:
    """10.0.0.77 goes straight to the target three times; the load balancer's own node does so too, and may."""
    edge = {"group": "payments", "ip_address": "10.0.0.100"}
    given = {
        "alb_access": [alb("app/edge/1", "payments.example.com", ip="10.0.0.5", target="10.0.0.9", **edge)],
        "vpc_flow": [
            flow(client, "10.0.0.9", 8080, vpc="vpc-a", direction="ingress", start_time=at(5), end_time=at(6), repeat=3)
            for client in ("10.0.0.100", "10.0.0.77")
        ],
    }
    lake, window = lake_of(tmp_path / "lake", given), {"since": at(0), "until": at(60)}
    file = tmp_path / "names.toml"
    file.write_text('[[names]]\nhost = "payments.example.com"\nname = "Payments API"\n')
    for name, names in {"payments": (), "Payments API": read_names(file)}.items():
        with open_session(lake, names=names) as session:
            (found,) = catalog.report("bypass").run(session, window).to_pylist()
            (layers,) = catalog.load("guide")["identity_layers"].run(session, window).to_pylist()
        assert (found["callee"], found["caller"], found["flows"]) == (name, "10.0.0.77 (vpc-a)", 3)
        assert (layers["subject"], layers["reason"], layers["past_front_door"]) == (name, "bypassed", 3)


def test_the_first_entry_that_fits_wins(tmp_path: Path) -> None:
    text = '[[names]]\narn = "*blue"\nname = "one"\n[[names]]\narn = "*"\nname = "two"\n'
    with named(tmp_path, text) as session:
        assert {"one -> two", "two -> two"} <= set(callers(session))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[names]]\nhots = "a"\nname = "b"', r"names.toml:names\[0\].hots: unknown key. Did you mean host"),
        ('[[name]]\nhost = "a"', "names.toml:name: unknown key. Did you mean names"),
        ('[[names]]\nhost = "a"', r"names\[0\].name: is missing"),
        ('[[names]]\nname = "a"', r"names\[0\]: expected exactly one of arn, host, cidr"),
        ('[[names]]\ncidr = "10.0.0.1/8"\nname = "a"', r"names\[0\].cidr: '10.0.0.1/8' is wrong"),
        ('[[names]]\nhost = 3\nname = "a"', r"names\[0\].host: 3 is wrong; expected a text"),
        ('[[names]]\nhost = "a"\nvpc = "vpc-a"\nname = "a"', r"names\[0\].vpc: goes with cidr only"),
        ("[[names]", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "names.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_names(file)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_names(tmp_path / "names.toml")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return open_session(lake_of(tmp_path_factory.mktemp("empty"), {}))


@given(address=st.ip_addresses())
def test_address_bits_are_the_addresss_own(empty: Session, address: ipaddress.IPv4Address) -> None:
    (row,) = empty.query("select address_bits($ip) as bits", {"ip": str(address)}).to_pylist()
    assert row["bits"] == f"{address.version}:{int(address):0{address.max_prefixlen}b}"


def test_commands_use_the_settings_names(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", {"objects": lattice_objects(NINE, at(30)), "lattice_access": ROWS})
    names, settings = tmp_path / "names.toml", tmp_path / "eastwest.toml"
    names.write_text('[[names]]\nhost = "ledger.*"\nname = "books"\n')
    settings.write_text(f'lake = "{lake.uri}"\nnames = "{names}"\n')
    result = CliRunner().invoke(eastwest.app, ["--config", str(settings), "query", "who", "books", "--format", "csv"])
    assert "named in names.toml: host = ledger.*" in result.stdout
    checked = CliRunner().invoke(eastwest.app, ["--config", str(settings), "check", "--no-write"])
    assert checked.exit_code == 0
    names.write_text('[[names]]\nhots = "ledger.*"\nname = "books"\n')
    refused = CliRunner().invoke(eastwest.app, ["--config", str(settings), "check", "--no-write"])
    assert isinstance(refused.exception, SettingsError)
