"""Security headers of the responses."""

import base64
import hashlib
import re

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

PERMISSIONS_POLICY = (
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
"""The page uses the microphone; what it does not use is off."""

Headers = list[tuple[bytes, bytes]]


def content_security_policy(index_html: str) -> str:
    """Return the content security policy of a page.

    Scripts come from this server; inline scripts of the page are allowed by their digest, and the
    player's script is a blob.  Styles are set by the framework's scripts, so that they cannot be
    allowed one by one.  Nothing is loaded from other servers.

    Parameters
    ----------
    index_html
        The HTML of the framework's page.
    """
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(index_html)
    )
    directives = {
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
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def security_headers(policy: str) -> Headers:
    """Return the headers of every response, with names in lower case.

    Parameters
    ----------
    policy
        The content security policy.
    """
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"referrer-policy", b"same-origin"),
        (b"permissions-policy", ", ".join(PERMISSIONS_POLICY).encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


STRICT_TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")
"""Additional header of responses over https."""

NO_STORE = (b"cache-control", b"no-store")
"""Additional header of responses that contain a visitor's recording."""
