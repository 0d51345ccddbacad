"""The lake's bytes: one object store for a local folder and for S3, so that nothing else tells them apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import pyarrow as pa
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from ingest.answers import whole
from ingest.errors import LakeError

if TYPE_CHECKING:
    from obstore import ObjectMeta


def is_remote(uri: str) -> bool:
    """Whether the URI names an object store rather than a folder."""
    return uri.startswith("s3://")


def normalise(uri: str) -> str:
    """A lake's URI without a trailing slash; a folder as an absolute path."""
    if is_remote(uri):
        return uri.rstrip("/")
    if "://" in uri and not uri.startswith("file://"):
        raise LakeError(f"lake {uri}: only a folder or s3://bucket/prefix can hold a lake")
    return str(Path(uri.removeprefix("file://")).expanduser().absolute())


def open_store(uri: str, storage: Mapping[str, str] | None) -> ObjectStore:
    """The object store whose root is `uri` (as `normalise` gives it); a folder is made when missing."""
    if not is_remote(uri):
        try:
            return LocalStore(prefix=uri, mkdir=True)
        except Exception as error:
            raise LakeError(f"lake {uri}: the folder cannot be made or opened: {error}") from error
    options = {key.lower(): value for key, value in (storage or {}).items()}
    allow_http = options.pop("aws_allow_http", options.pop("allow_http", "false")).lower() == "true"
    options.pop("conditional_put", None)
    options.pop("aws_conditional_put", None)
    return S3Store.from_url(uri, config=options, client_options={"allow_http": allow_http})  # type: ignore[arg-type]


def folders(uri: str, storage: Mapping[str, str] | None) -> set[str]:
    """Names of the folders right below `uri`; none where it is not there. LakeError when it cannot be listed."""
    try:
        if not is_remote(uri):
            return {entry.name for entry in Path(uri).iterdir() if entry.is_dir()}
        listed = whole(lambda: obstore.list_with_delimiter(open_store(uri, storage)))
        return {path.rstrip("/").rpartition("/")[2] for path in listed["common_prefixes"]}
    except FileNotFoundError:
        return set()
    except (OSError, BaseError) as error:
        raise LakeError(f"lake {uri}: cannot be listed: {error}") from error


def fetch(store: ObjectStore, path: str) -> pa.Buffer:
    """All bytes of an object; obstore's errors where there are none."""
    return pa.py_buffer(whole(lambda: obstore.get(store, path).bytes()))


def save(store: ObjectStore, path: str, body: pa.Buffer) -> None:
    """Write an object, in the place of another of that name."""
    whole(lambda: obstore.put(store, path, memoryview(body).cast("B")))


def entries(store: ObjectStore, folder: str, after: str = "") -> dict[str, ObjectMeta]:
    """The objects below a folder (which ends in a slash) by their path in it; those `after` a path in it alone."""
    offset = folder + after if after else None
    metas = whole(lambda: [meta for chunk in obstore.list(store, folder, offset=offset) for meta in chunk])
    return {meta["path"].removeprefix(folder): meta for meta in metas}
