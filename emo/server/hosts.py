"""Host names under which the page is served, and origins that may send requests.

A page of another site can point its own name at this server (DNS rebinding) and then read the
answers.  It cannot change the name in the ``Host`` header, which is therefore checked.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True)
class AllowedHosts:
    """Host names under which the page is served, besides those of this machine.

    Attributes
    ----------
    names
        Lower-case names or addresses; ``*.example.org`` stands for every subdomain of
        ``example.org``, and ``*`` for every name.
    """

    names: frozenset[str] = frozenset()

    def allows(self, host: str | None, local: str = "") -> bool:
        """Return whether a request with this ``Host`` header is served.

        Parameters
        ----------
        host
            The header; None if it is missing, which no browser does.
        local
            The address of this machine to which the request was sent.
        """
        if host is None:
            return True
        name = _host_name(_split(f"//{host}"))
        return bool(name) and (is_local(name, local) or self._includes(name))

    @property
    def has_public_names(self) -> bool:
        """True if there is a name that is not of this machine alone."""
        return not all(is_local(name) for name in self.names)

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Return whether the page that sends a request is of this server or of an allowed name.

        Parameters
        ----------
        origin, host
            The ``Origin`` and ``Host`` headers; None if they are missing.
        """
        if origin is None:
            return True
        sender, own = _split(origin), _split(f"//{host or ''}")
        if sender is None or sender.scheme not in ("http", "https") or not _host_name(sender):
            return False
        if own is not None and _host_name(own) == _host_name(sender):
            default = PORTS[sender.scheme]
            if (own.port or default) == (sender.port or default):
                return True
        return self._includes(_host_name(sender))

    def _includes(self, name: str) -> bool:
        if "*" in self.names or name in self.names:
            return True
        return any(name.endswith(pattern[1:]) for pattern in self.names if pattern.startswith("*."))


def parse_hosts(names: Iterable[str]) -> AllowedHosts:
    """Return the allowed hosts for names from settings, with or without scheme and port."""
    hosts = set()
    for name in names:
        text = name.strip()
        if text.startswith("*"):
            hosts.add(text.lower().rstrip("."))
        elif text:
            url = _split(text if "://" in text else f"//{_bracketed(text)}")
            hosts.add(_host_name(url) or text.lower())
    return AllowedHosts(frozenset(hosts))


def _bracketed(text: str) -> str:
    """Return an IPv6 address in brackets, as a ``Host`` header has it; other text unchanged."""
    return f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text


def _split(text: str) -> SplitResult | None:
    """Return the parts of a URL, None if it has more than a scheme, a host name and a port."""
    try:
        url = urlsplit(text)
        _ = url.port  # raises ValueError if it is not a port
    except ValueError:
        return None
    has_more = url.path not in ("", "/") or url.query or url.fragment or "@" in url.netloc
    return None if has_more else url


def _host_name(url: SplitResult | None) -> str:
    if url is None or url.hostname is None:
        return ""
    return url.hostname.lower().rstrip(".")


def is_local(name: str, local: str = "") -> bool:
    """Return whether a name or address stands for this machine.

    Parameters
    ----------
    local
        A further address of this machine.
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _parse_address(name)
    return address is not None and (address.is_loopback or address == _parse_address(local))


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
