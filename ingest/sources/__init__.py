"""Where bytes come from: an S3 bucket, or a folder laid out like one.

`open_source` is the door; `Source` is what it returns. Sources know keys and bytes, never what a line means.
"""

from __future__ import annotations

from ingest.settings import Settings
from ingest.sources.folder import FolderSource
from ingest.sources.source import CHUNK, RewrittenError, Source, SourceObject

__all__ = ["CHUNK", "RewrittenError", "Source", "SourceObject", "open_source"]


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
