"""Where bytes come from: an S3 bucket, or a folder laid out like one.

`open_source` is the door; `Source` is what it returns. Sources know keys and bytes, never what a line means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.settings import Settings
from ingest.sources.day_prefixes import worth_reading
from ingest.sources.folder import FolderSource
from ingest.sources.source import CHUNK, Body, RewrittenError, Source, SourceObject

__all__ = ["CHUNK", "Body", "RewrittenError", "Source", "SourceObject", "open_announced", "open_source"]


def open_source(uri: str, settings: Settings) -> Source:
    """The source behind a folder path, a file path, a `file://` URI or `s3://bucket/prefix`.

    For S3 the `[[sources]]` entry of the settings that covers `uri` gives profile, role, region and endpoint.

    Raises:
        SourceError: there is no such folder or bucket, or nothing gives credentials.
        SettingsError: the URI's scheme is not one eastwest reads.
    """
    if uri.startswith("s3://"):
        from ingest.sources.s3 import open_bucket  # boto3 takes 0.3 s to import; a folder needs none of it

        return open_bucket(uri, settings)
    return FolderSource(uri)


def open_announced(uris: Sequence[str], settings: Settings) -> Callable[[str], Source | None]:
    """How objects that events name are read: each through the nearest of the sources `uris`, opened when first needed.

    Without `uris` any bucket is a source. None comes back for an object that belongs to no source, or lies in the
    folder of a service eastwest does not read. The function raises SourceError where the source cannot be opened.
    """
    opened: dict[str, Source] = {}
    prefixes = sorted((uri.rstrip("/") + "/" for uri in uris), key=len, reverse=True)

    def source_of(uri: str) -> Source | None:
        if not worth_reading(uri):
            return None
        bucket = "s3://" + uri.removeprefix("s3://").partition("/")[0] + "/"
        prefix = next((p for p in prefixes or [bucket] if uri.startswith(p)), None)
        if prefix is None:
            return None
        if prefix not in opened:
            opened[prefix] = open_source(prefix, settings)
        return opened[prefix]

    return source_of
