"""The lake's own SQL: what verify and status ask, and how the ledger is looked up."""

from importlib.resources import files


def sql(name: str) -> str:
    """Text of `<name>.sql` in this folder; FileNotFoundError when there is none."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")
