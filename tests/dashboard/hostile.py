"""Logs that somebody wrote to attack the reader of the dashboard, in a lake made by the real pipeline.

Who fails a TLS handshake with a certificate of his own making chooses the subject that an ALB logs.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from ingest.lake.tables import Lake
from tests import lakes

MARK = "evil.example.com"
"""In every hostile value; nothing may ask this host for anything."""

VALUES = (
    f"![x](http://{MARK}/pixel.png)",
    f"<img src=http://{MARK}/pixel.png onerror=fetch(1)><script src=http://{MARK}/x.js></script>",
    f"[press](javascript:alert(1)) http://{MARK}/ \u202egnp.exe\u200b\x07",
    f":material/{MARK}: $x^2$ `{MARK}` {{b}}{{c}}",
)
_KEY = (
    "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2026/03/10/conn_log_123456789012_elasticloadbalancing_"
    "us-east-1_app.internal-mtls.00ac8fead8948612_20260310T1105Z_10.1.200.23_9018f897.log.gz"
)


def hostile_lake(folder: Path) -> Lake:
    """A lake in which ten handshakes of each of `VALUES` fail."""
    path = folder / "logs" / _KEY
    path.parent.mkdir(parents=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for number in range(40):
            file.write(
                f"2026-03-10T11:00:{number:02d}.808837Z 10.1.202.{number + 1} 48565 443 TLSv1.3"
                " TLS_AES_128_GCM_SHA256 -"
                f' "CN={VALUES[number % len(VALUES)]}" NotBefore=2025-05-14T09:00:00Z;NotAfter=2026-03-10T11:12:00Z'
                f" 99B25A6AAEB6634D Failed:ClientCertUntrusted TID_{number:032x} x25519"
                " app/internal-mtls/00ac8fead8948612 10.1.200.23\n"
            )
    return lakes.ingested(folder / "logs", folder / "lake")
