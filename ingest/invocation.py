"""What one run of the command knows before any layer's command begins: its settings, and how to open the lake.

`eastwest.py` makes it and typer carries it in the context, so that queries can open a lake on S3 without knowing AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LakeError, SettingsError
from ingest.lake.tables import Lake
from ingest.settings import Settings


@dataclass(frozen=True)
class Invocation:
    """Settings, the storage options (credentials, endpoint) for a lake on S3, and the settings file that was named.

    `is_alone`: nothing else goes on in this process, so it may be forked.
    """

    settings: Settings
    storage_options: Callable[[str, Settings], dict[str, str]]
    settings_file: Path | None = None
    is_alone: bool = False

    def lake(self, uri: str | None = None, *, copied: bool = True) -> Lake:
        """The lake at `uri`, else the one the settings name; not `copied`: without the copies that those allow."""
        where = uri or self.settings.lake
        if not where.startswith("s3://"):
            return Lake(where)
        return Lake(where, self.storage_options(where, self.settings), self._copies() if copied else None)

    def existing_lake(self, uri: str | None = None, *, copied: bool = True) -> Lake:
        """The same for a command that has nothing to say where there is no lake: that is a LakeError."""
        found = self.lake(uri, copied=copied)
        if not found.exists():
            raise LakeError(
                f"lake {found.uri}: there is none; name another with --lake, or make it: eastwest ingest SOURCE --lake "
                + found.uri
            )
        return found

    def _copies(self) -> Path | None:
        if not self.settings.copies:
            return None
        try:
            return Path(self.settings.copies).expanduser().absolute()
        except RuntimeError as error:
            raise SettingsError(f'copies: {self.settings.copies}: {error} Name a folder, or set it to ""') from None
