"""The ASGI server around the pages: limits, quotas, logs and counters.  It knows no page."""
