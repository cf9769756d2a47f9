"""The headers that tell a browser what the page may do, and nothing else."""

import base64
import hashlib
import re

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

PERMISSIONS = (
    "accelerometer=()",
    "autoplay=(self)",
    "camera=()",
    "clipboard-write=(self)",
    "display-capture=()",
    "fullscreen=(self)",
    "geolocation=()",
    "gyroscope=()",
    "magnetometer=()",
    "microphone=(self)",
    "midi=()",
    "payment=()",
    "publickey-credentials-get=()",
    "screen-wake-lock=()",
    "usb=()",
    "xr-spatial-tracking=()",
)
"""The microphone is for this page alone; what it does not use is for nobody."""

Headers = list[tuple[bytes, bytes]]


def content_policy(index_html: str) -> str:
    """The content security policy under which the page with this start runs.

    Scripts come from this server.  The few that stand in the start itself are named by their
    digest, and the player's is handed to the browser as a blob.  Styles are set by scripts in the
    page, so they cannot be named one by one.  Nothing is fetched from elsewhere.
    """
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(index_html)
    )
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' blob: {digests}".strip(),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "frame-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def security_headers(policy: str) -> Headers:
    """Names in lower case, and values, of what stands on every response."""
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"referrer-policy", b"same-origin"),
        (b"permissions-policy", ", ".join(PERMISSIONS).encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


SECURE = (b"strict-transport-security", b"max-age=31536000")
"""On what is sent over https besides."""

NO_STORE = (b"cache-control", b"no-store")
"""On what a person's recording is in."""
