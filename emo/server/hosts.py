"""Under which names the page is served, and which other pages may speak to it.

A page of another site can have its own name lead to this server (DNS rebinding) and then reads
what it answers. It cannot change the name in the ``Host`` header, so names are checked there.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True)
class AllowedHosts:
    """Names besides those of this machine under which the page may be asked for.

    Attributes
    ----------
    names
        Lower-case names or addresses; ``*.example.org`` stands for every name that ends so, ``*``
        for every name.
    """

    names: frozenset[str] = frozenset()

    def allows(self, host: str | None, local: str = "") -> bool:
        """Return whether a request with this ``Host`` header is answered.

        Parameters
        ----------
        host
            The header; None where there is none, which no browser does.
        local
            The address of this machine at which the request arrived.
        """
        if host is None:
            return True
        name = _name(_split(f"//{host}"))
        return bool(name) and (_is_own(name, local) or self._lists(name))

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Return whether the page that sends a request is of this server, or of a listed name."""
        if origin is None:
            return True
        place, own = _split(origin), _split(f"//{host or ''}")
        if place is None or place.scheme not in ("http", "https") or not _name(place):
            return False
        if own is not None and _name(own) == _name(place):
            usual = PORTS[place.scheme]
            if (own.port or usual) == (place.port or usual):
                return True
        return self._lists(_name(place))

    def _lists(self, name: str) -> bool:
        if "*" in self.names or name in self.names:
            return True
        return any(name.endswith(one[1:]) for one in self.names if one.startswith("*."))


def parse_hosts(names: Iterable[str]) -> AllowedHosts:
    """Return the hosts for names as settings give them: with or without scheme and port."""
    found = set()
    for name in names:
        text = name.strip()
        if text.startswith("*"):
            found.add(text.lower().rstrip("."))
        elif text:
            place = _split(text if "://" in text else f"//{_bracketed(text)}")
            found.add(_name(place) or text.lower())
    return AllowedHosts(frozenset(found))


def _bracketed(text: str) -> str:
    """Return an address of IPv6 in the brackets that it has in a ``Host`` header."""
    return f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address, None where it holds more than scheme, name and port."""
    try:
        place = urlsplit(text)
        _ = place.port  # raises where it is no port
    except ValueError:
        return None
    extra = place.path not in ("", "/") or place.query or place.fragment or "@" in place.netloc
    return None if extra else place


def _name(place: SplitResult | None) -> str:
    if place is None or place.hostname is None:
        return ""
    return place.hostname.lower().rstrip(".")


def _is_own(name: str, local: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address == _address(local))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found
