"""Columns of the tables that say what was read, what could not be, and what the checks found."""

from ingest.lake.schema import Column, Table, Type

OBJECTS = Table(
    "objects",
    "The ledger: one row per source object (and version of it) that is in the lake",
    (
        Column("log_object", Type.TEXT, "URI of the source object"),
        Column("etag", Type.TEXT, "Its version: S3's ETag, or size and modification time of a file"),
        Column("size_bytes", Type.LONG, "Its size as stored", "bytes"),
        Column("format", Type.TEXT, "Table its rows are in, several joined by +; NULL when its format is unknown"),
        Column("records", Type.LONG, "Records in it: rows + rejects + dropped, always"),
        Column("rows", Type.LONG, "Records that became rows"),
        Column("rejects", Type.LONG, "Records that could not be read"),
        Column("dropped", Type.LONG, "Records that the user's own drop rules removed"),
        Column("skipped", Type.LONG, "Lines that are no records: headers, blanks, comments, AWS's test object"),
        Column("min_time", Type.TIME, "Earliest time among its rows"),
        Column("max_time", Type.TIME, "Latest time among its rows"),
        Column("last_modified", Type.TIME, "When the object was delivered, as its store says"),
        Column("ingested_at", Type.TIME, "When its rows were committed"),
        Column("batch_id", Type.TEXT, "The batch that committed it"),
    ),
    time="ingested_at",
    # A listing reads only the part that it asks about.
    sorted_by=("log_object",),
    partition=None,
)

REJECTS = Table(
    "rejects",
    "One record that could not be read, with its raw text",
    (
        Column("log_object", Type.TEXT, "URI of the source object"),
        Column("log_line", Type.INT, "Line in that object, counted from 1"),
        Column("byte_offset", Type.LONG, "Where the line begins in the decompressed object", "bytes"),
        Column("format", Type.TEXT, "Format the object was read as; NULL when none was recognised"),
        Column("reason", Type.TEXT, "Why, from a closed list"),
        Column("detail", Type.TEXT, "What exactly: the field and its value"),
        Column("raw", Type.TEXT, "The line itself, at most 64 KiB of it"),
        Column("raw_bytes", Type.LONG, "Its full length", "bytes"),
        Column("rejected_at", Type.TIME, "When it was rejected"),
        Column("day", Type.DATE, "Day of the object's own time, UTC; the partition"),
    ),
    time="rejected_at",
)

FINDINGS = Table(
    "findings",
    "What the checks found: one row per finding, however often a check ran",
    (
        Column("finding_id", Type.TEXT, "Check and key, hashed: the same finding keeps its id while it is open"),
        Column("check_name", Type.TEXT, "The check that found it"),
        Column("severity", Type.TEXT, "page, ticket or info"),
        Column("finding_key", Type.TEXT, "What makes it the same finding when seen again"),
        Column("state", Type.TEXT, "open, resolved, or closed by somebody, as it is meant to be so"),
        Column("opened_at", Type.TIME, "End of the window in which it was first seen"),
        Column("last_seen_at", Type.TIME, "End of the window in which it was last seen"),
        Column("resolved_at", Type.TIME, "End of the first window in which it was gone"),
        Column("window_start", Type.TIME, "Window it was last seen in"),
        Column("window_end", Type.TIME, "End of that window"),
        Column("occurrences", Type.LONG, "Windows it was seen in"),
        Column("worst_value", Type.REAL, "Worst value observed"),
        Column("expected_value", Type.REAL, "What the baseline or the threshold says"),
        Column("caller_principal", Type.TEXT, "The caller's role or user, where there is one"),
        Column("service", Type.TEXT, "Id of the service concerned"),
        Column("target_group", Type.TEXT, "Target group concerned"),
        Column("layer", Type.TEXT, "Layer that refused, as in denials"),
        Column("title", Type.TEXT, "A sentence with the values in it"),
        Column("evidence", Type.TEXT, "The check's row, a JSON object"),
        Column("coverage", Type.REAL, "Share of the window for which the needed sources delivered, 0 to 1"),
        Column("incident_id", Type.TEXT, "Findings of one cause share it"),
    ),
    time="last_seen_at",
    partition=None,
)
