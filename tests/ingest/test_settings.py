"""Settings from a file and from the environment, and what is said about wrong ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from ingest.errors import SettingsError
from ingest.settings import _SHAPES, DropSettings, RedactSettings, Settings, SourceSettings, load_settings

EXAMPLE = Path(__file__).parents[2] / "eastwest.example.toml"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what all other tests have set."""
    monkeypatch.delenv("EASTWEST_COPIES")


def write(folder: Path, text: str) -> Path:
    path = folder / "eastwest.toml"
    path.write_text(text)
    return path


def everything_in_the_example() -> dict[str, Any]:
    """The example with the keys that are shown as comments switched on."""
    return tomllib.loads(re.sub(r"(?m)^# (?=[a-z_]+ = |\[\[)", "", EXAMPLE.read_text()))


def test_defaults_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_settings(None) == Settings()


def test_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 'lake = "s3://lake-bucket/prefix"\n[[sources]]\nuri = "s3://logs"\nregion = "eu-west-1"\n')

    settings = load_settings(None)

    assert settings.lake == "s3://lake-bucket/prefix"
    assert settings.sources == [SourceSettings(uri="s3://logs", region="eu-west-1")]


def test_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASTWEST_LAKE", "from-environment")
    monkeypatch.setenv("EASTWEST_SOURCES", '[{"uri": "s3://logs"}]')
    monkeypatch.setenv("eastwest_json_logs", "true")

    settings = load_settings(write(tmp_path, 'lake = "from-file"\nworkers = 4\n'))

    assert (settings.lake, settings.workers, settings.json_logs) == ("from-environment", 4, True)
    assert [source.uri for source in settings.sources] == ["s3://logs"]


def test_example_loads_to_the_defaults() -> None:
    assert load_settings(EXAMPLE) == Settings()


def test_example_lists_exactly_the_known_keys() -> None:
    example = everything_in_the_example()

    assert set(example) == set(Settings.__struct_fields__)
    assert [set(source) for source in example["sources"]] == [set(SourceSettings.__struct_fields__)]
    assert [set(rule) for rule in example["drop"]] == [set(DropSettings.__struct_fields__)]
    assert [set(rule) for rule in example["redact"]] == [set(RedactSettings.__struct_fields__)]


def test_example_is_valid_with_everything_switched_on() -> None:
    assert msgspec.convert(everything_in_the_example(), Settings).flow_format is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('laek = "x"', "{file}:laek: unknown key. Did you mean lake?"),
        ('[[sources]]\nuri = "s3://a"\nrole = "x"', "{file}:sources[0].role: unknown key. Did you mean role_arn?"),
        ("zzz = 1", "{file}:zzz: unknown key. Known: batch_megabytes, batch_objects, copies, drop, endpoint_url, "),
        ('workers = "many"', "{file}:workers: 'many' is wrong; expected a whole number."),
        ("lookback_days = 0", "{file}:lookback_days: 0 is wrong; expected a whole number of at least 1."),
        ('memory_limit = "much"', "{file}:memory_limit: 'much' is wrong; expected a number with KB, MB"),
        ('log_level = "loud"', "{file}:log_level: 'loud' is wrong; expected 'debug', 'info', 'warning' or 'error'."),
        ('flow_format = "version"', "{file}:flow_format: 'version' is wrong; expected a header line of VPC Flow Log"),
        ("[[sources]]\nregion = 'eu-west-1'", "{file}:sources[0].uri: is missing."),
        ("sources = 3", "{file}:sources: 3 is wrong; expected a list."),
        (
            '[[sources]]\nuri = "s3://a"\nrequester_pays = "perhaps"',
            "{file}:sources[0].requester_pays: 'perhaps' is wrong; expected true or false.",
        ),
        ("lake = ", "{file}: is not TOML: "),
        ("region = 1", "{file}:region: 1 is wrong; expected a text."),
        ("endpoint_url = 1", "{file}:endpoint_url: 1 is wrong; expected a text."),
        ("log_level = 1", "{file}:log_level: 1 is wrong; expected 'debug', 'info', 'warning' or 'error'."),
        ('memory_limit = "1GiB\\n"', "{file}:memory_limit: '1GiB\\n' is wrong; expected a number with KB"),
        ('[[sources]]\nuri = "a"\nregion = 1', "{file}:sources[0].region: 1 is wrong; expected a text."),
        ('lake = ""', "{file}:lake: '' is wrong; expected a text that is not empty."),
        ("workers = 65", "{file}:workers: 65 is wrong; expected a whole number of at most 64."),
        ('sources = ["logs"]', "{file}:sources[0]: 'logs' is wrong; expected a table."),
        (
            '[[sources]]\nuri = "s3://a"\nrole_arn = "reader"',
            "{file}:sources[0].role_arn: 'reader' is wrong; expected a role's ARN, such as arn:aws:iam::",
        ),
        (
            '[[drop]]\ntable = "vpc_flow"\nwhere = "true"\nmode = "keep"',
            "{file}:drop[0].mode: 'keep' is wrong; expected 'drop' or 'count'.",
        ),
        (
            '[[redact]]\ntable = "a"\ncolumns = []\npattern = "b"',
            "{file}:redact[0].columns: [] is wrong; expected a list",
        ),
        ('[[drop]]\ntabel = "vpc_flow"', "{file}:drop[0].tabel: unknown key. Did you mean table?"),
        ('[[drop]]\ntable = "vpc_flow"', "{file}:drop[0].where: is missing."),
        ('[[redact]]\ntable = "a"\ncolumns = "b"', "{file}:redact[0].columns: 'b' is wrong; expected a list."),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)

    with pytest.raises(SettingsError) as raised:
        load_settings(file)

    assert str(raised.value).startswith(message.format(file=file))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EASTWEST_LOOKBACK", "3", "EASTWEST_LOOKBACK: unknown variable. Did you mean EASTWEST_LOOKBACK_DAYS?"),
        ("EASTWEST_WORKERS", "many", "EASTWEST_WORKERS: 'many' is wrong; expected a whole number."),
        ("Eastwest_Workers", "many", "EASTWEST_WORKERS: 'many' is wrong; expected a whole number."),
        ("eastwest_nothing", "1", "EASTWEST_NOTHING: unknown variable."),
        ("EASTWEST_WORKERS", "\udcff", "EASTWEST_WORKERS: is not UTF-8"),
        ("EASTWEST_SOURCES", "\udcff", "EASTWEST_SOURCES: is not UTF-8"),
        ("EASTWEST_LOG_LEVEL", "x - at `$.y", "EASTWEST_LOG_LEVEL: 'x - at `$.y' is wrong; expected 'debug', "),
        ("EASTWEST_LOG_LEVEL", "field `a`", "EASTWEST_LOG_LEVEL: 'field `a`' is wrong; expected 'debug', "),
        ("EASTWEST_SOURCES", "s3://logs", 'EASTWEST_SOURCES: is not JSON. Expected a list of objects with a "uri"'),
        ("EASTWEST_DROP", "all", 'EASTWEST_DROP: is not JSON. Expected a list of objects with a "table" and "where"'),
        ("EASTWEST_SOURCES", '[{"url": "x"}]', "EASTWEST_SOURCES[0].url: unknown key. Did you mean uri?"),
    ],
)
def test_wrong_variables_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        load_settings(None)

    assert str(raised.value).startswith(message)


def test_every_pattern_has_words() -> None:
    """What a text has to look like is said in words, never as a regular expression."""
    kinds = (Settings, SourceSettings, DropSettings, RedactSettings)
    hints = [(name, hint) for kind in kinds for name, hint in get_type_hints(kind, include_extras=True).items()]
    assert {name for name, hint in hints if "pattern='" in repr(hint)} == set(_SHAPES)


def test_a_file_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: no such file\. Copy eastwest\.example\.toml there"):
        load_settings(tmp_path / "nowhere.toml")
