"""Reader of the blocks of ``emo.app.player_data``, as ``player.js`` reads them."""

import json
import struct
from typing import Any


def unpack_player(block: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the header and the parts of a block."""
    (length,) = struct.unpack_from("<I", block)
    header, content = json.loads(block[4 : 4 + length]), block[4 + length :]
    parts = {name: content[at : at + size] for name, (at, size) in header["parts"].items()}
    return header, parts
