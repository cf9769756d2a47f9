"""The guest of the server: a model by others that the environment names, if there is one."""

import functools
import logging
import os
from pathlib import Path

from emo.errors import GuestError
from emo.inference.guest.model import Guest, load_guest

GUEST_ENV = "EMO_GUEST"
"""Path of an ONNX file with its description beside it; none for no guest."""

LOG = logging.getLogger("emo.server")


@functools.cache
def server_guest() -> Guest | None:
    """Return the guest; None where none is named, or where it cannot be used, which is logged.

    It is loaded once, when the server starts.
    """
    path = os.environ.get(GUEST_ENV)
    if not path:
        return None
    try:
        guest = load_guest(Path(path))
    except GuestError as error:
        LOG.error("%s: %s The pages are served without a guest.", GUEST_ENV, error)
        return None
    LOG.info("guest: %s", guest.about.name)
    return guest
