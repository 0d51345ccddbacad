"""Moto's server, keeping S3's promise that of several conditional writes of a key one is accepted.

Moto looks whether the key is there and then puts it, in two steps: of 1,000 keys that four clients put at once with
`If-None-Match: *`, 23 were accepted twice, and a Delta log lost a commit. Here a put is one step.
"""

from __future__ import annotations

import threading
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_put_object = S3Response.put_object
_one_at_a_time = threading.Lock()


def put_object(response: S3Response) -> tuple[int, dict[str, Any], str | bytes]:
    """Moto's own, one at a time."""
    with _one_at_a_time:
        return _put_object(response)


if __name__ == "__main__":
    S3Response.put_object = put_object  # type: ignore[assignment,method-assign]
    main()
