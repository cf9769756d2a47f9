"""What the server says to a request that it does not serve."""

BUSY = {
    "session_files": "This session has as many files here as it may. Take some away first.",
    "session_mb": "This session has as much here as it may. Take some files away first.",
    "address_files": "Your network has as many files here as it may.",
    "address_mb": "Your network has as much here as it may.",
    "session_files_per_min": "That were too many files at once.",
    "session_mb_per_min": "That was too much at once.",
    "address_files_per_min": "Too many files came from your network at once.",
    "address_mb_per_min": "Too much came from your network at once.",
    "address_sessions": "Your network has as many pages open here as it may.",
    "address_sessions_per_min": "Your network opened too many pages at once.",
    "server_mb": "The server is full.",
    "server_sessions": "The server has as many visitors as it can serve.",
    "stopping": "The server is being stopped; another will follow.",
}
TURNED_AWAY = {
    "host": (403, "This page is not served under this name. EMO_HOST lists the names."),
    "origin": (403, "Another page may not speak to this server."),
    "two_lengths": (400, "A request has one length, not two."),
    "id": (400, "The address of this upload is too long, or holds other signs than it may."),
    "token": (403, "The token of the page is missing. Please load the page again."),
    "session": (400, "This page is open no longer. Please load it again."),
}
"""Status and sentence for a request that is not what a page of this server sends."""

NO_LENGTH = "An upload must say its length."
TOO_SLOW = "The upload took too long."
NOT_FOUND = "Not found."
BROKEN = "Something went wrong here. It was noted."


def refusal(reason: str, retry_s: int) -> str:
    """Why a request is refused, and when to come back."""
    return f"{BUSY[reason]} Please try again in {retry_s} s."


def upload_refused(reason: str, retry_s: int) -> str:
    """The same of an upload, for the page that it was sent from."""
    return f"A file was not taken. {refusal(reason, retry_s)}"
