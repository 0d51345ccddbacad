"""Load-balancer lines in an object of another format: told by what each line is, and read as that.

ALB access, connection and health check logs lie in one bucket, and tools that copy or concatenate them mix their lines.
A line that its object's format refused is looked at again: where another of these formats recognises it, it is that
format's. No format takes another's lines for its own (the fields and quotes differ), so what is read fast stays fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import ModuleType

import numpy as np

from ingest import formats
from ingest.formats.block import Block, Reason, Rejected
from ingest.formats.lines import BOM

_READ_WELL = (Reason.TIME_OUT_OF_RANGE, Reason.INVALID_UTF8)


def sort_out(
    block: Block, rejects: Sequence[Rejected], read_as: ModuleType | None
) -> tuple[list[Rejected], dict[ModuleType, Block]]:
    """The rejects that stay some, and the others as a block for each format that they are of.

    `read_as` is the format that refused the lines, None where the object is of none of ours.
    """
    if not rejects or (read_as is not None and read_as not in formats.LOAD_BALANCER):
        return list(rejects), {}
    others = [module for module in formats.LOAD_BALANCER if module is not read_as]
    stay: list[Rejected] = []
    strays: dict[ModuleType, list[int]] = defaultdict(list)
    for reject in rejects:
        line = block.line(reject.at).removeprefix(BOM)
        module = next((module for module in others if module.recognise(line)), None)
        if module is None or reject.reason in _READ_WELL:
            stay.append(reject)
        else:
            strays[module].append(reject.at)
    return stay, {module: _block(module, block, sorted(at)) for module, at in strays.items()}


def _block(module: ModuleType, block: Block, chosen: Sequence[int]) -> Block:
    """Some lines of a block as one of their own, each with its place in its object."""
    places = np.asarray(chosen, dtype=np.int64)
    return Block(
        b"".join(block.data[block.start(at) : int(block.ends[at])] for at in chosen),
        [block.keys[of] for of in block.object_of[places].tolist()],
        [1] * len(chosen),
        module.layout(block.line(chosen[0]).removeprefix(BOM)),
        block.line_of[places].tolist(),
        block.offsets(places).tolist(),
    )
