"""Quotas on the files, pages, reruns and live microphones of each session and address.

A page is one open browser tab; a session is a page and its files, which stay for a minute after the
page is closed.  An address is an IPv4 address, or an IPv6 network of 64 bits, behind which a whole
class may be.
"""

import ipaddress
import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from emo.server.settings import Settings

MB = 2**20

MAX_BUCKETS = 4096
"""Number of stored token buckets above which the full ones are dropped."""

RERUN_BURST = 40
"""Reruns that the pages of one address may request without a pause."""

CHECK_BYTES = 2**20
"""Bytes of an upload that arrive between two checks of the quotas."""

TOLERANCE = 1e-6
"""Missing amount of a token bucket that counts as none, because levels are sums of floats."""

STORED_RETRY_S = 60
"""Retry time where there is no room: the files of a closed page are dropped after a minute."""

SESSION_FILES = 120
"""Files of one session: the page Compare takes a hundred, and some may be added or replaced."""

SESSIONS_PER_ADDRESS = 3
"""Quota of an address, in quotas of a session."""

ADDRESS_FILES = 5 * SESSION_FILES
"""Files of one address: a class of thirty sends twenty each."""

SESSIONS_PER_SERVER = 5
"""Quota of the server, in quotas of a session."""

SESSION_RATE_SHARE = 0.25
"""Share of an address's files per minute that one session may send."""

PAGE_OPENS_PER_MIN = 2.0
"""Openings per minute of each page that an address may have: everyone may reload now and then."""

LIVE_OPENS_PER_MIN = 6.0
"""Starts per minute of each live microphone that an address may have."""

RERUNS_PER_MIN = 5.0
"""Reruns per minute of each page that an address may have, in the long run."""


@dataclass(frozen=True)
class Limits:
    """The quotas of sessions, addresses and the server.

    Attributes
    ----------
    session_mb, session_files
        Files that one session may have on the server, by size and number.
    session_mb_per_min, session_files_per_min
        Files that one session may send in the long run; at first, as many as it may have.
    address_mb, address_files, address_mb_per_min, address_files_per_min
        The same for all sessions of one address.
    address_pages, address_pages_per_min
        Pages that one address may have open, and may open in a minute.
    address_reruns_per_min
        Reruns that all pages of one address may request, in the long run.
    address_live, address_live_per_min
        Live microphones that one address may have open, and may open in a minute.
    server_mb, server_pages, server_live
        Files, open pages and live microphones of all visitors.
    """

    session_mb: float = 200
    session_files: float = 120
    session_mb_per_min: float = 200
    session_files_per_min: float = 60
    address_mb: float = 600
    address_files: float = 600
    address_mb_per_min: float = 600
    address_files_per_min: float = 240
    address_pages: float = 64
    address_pages_per_min: float = 128
    address_reruns_per_min: float = 320
    address_live: float = 32
    address_live_per_min: float = 192
    server_mb: float = 1000
    server_pages: float = 400
    server_live: float = 40


def derive_limits(settings: Settings, max_pages: float = math.inf) -> Limits:
    """Return the quotas that follow from the settings.

    Parameters
    ----------
    max_pages
        Number of pages that the process can hold open.
    """
    address_mb = SESSIONS_PER_ADDRESS * settings.session_mb
    return Limits(
        session_mb=settings.session_mb,
        session_files=SESSION_FILES,
        session_mb_per_min=settings.session_mb,
        session_files_per_min=SESSION_RATE_SHARE * settings.address_files_per_min,
        address_mb=address_mb,
        address_files=ADDRESS_FILES,
        address_mb_per_min=address_mb,
        address_files_per_min=settings.address_files_per_min,
        address_pages=settings.address_pages,
        address_pages_per_min=PAGE_OPENS_PER_MIN * settings.address_pages,
        address_reruns_per_min=RERUNS_PER_MIN * settings.address_pages,
        server_mb=SESSIONS_PER_SERVER * settings.session_mb,
        server_pages=min(settings.max_pages, max_pages),
        address_live=settings.address_live,
        address_live_per_min=LIVE_OPENS_PER_MIN * settings.address_live,
        server_live=settings.max_live,
    )


@dataclass(frozen=True)
class Rejection:
    """The reason for a rejection (the name of a limit), the time to retry, and the HTTP status."""

    reason: str
    retry_s: int
    status: int = 429


@dataclass
class Bucket:
    """A token bucket: it holds up to ``capacity`` tokens and gains ``per_s`` of them each second.

    Attributes
    ----------
    level
        Number of tokens at the time ``at_s``.
    """

    capacity: float
    per_s: float
    level: float
    at_s: float

    def fill(self, now_s: float) -> None:
        """Add the tokens gained since the last call."""
        self.level = min(self.capacity, self.level + max(0.0, now_s - self.at_s) * self.per_s)
        self.at_s = now_s

    def wait_s(self, amount: float) -> float:
        """Return the seconds until an amount of tokens is available.

        An amount above the capacity needs a full bucket.
        """
        missing = min(amount, self.capacity) - self.level
        if missing <= TOLERANCE:
            return 0.0
        return missing / self.per_s if self.per_s > 0 else STORED_RETRY_S


@dataclass(eq=False)
class Upload:
    """An upload in progress.

    Attributes
    ----------
    group
        Address group of the sender, see ``address_group``.
    announced, arrived
        Content length, and number of bytes that arrived.  Only the latter count.
    checked
        Value of ``arrived`` at the last check of the quotas.
    owners
        Kinds and names of those whose rates it counts for: ``"session"``, ``"address"``.
    rejection
        Why the upload must stop, once it must.
    """

    session: str
    group: str
    announced: int
    owners: tuple[tuple[str, str], ...]
    arrived: int = 0
    checked: int = 0
    rejection: Rejection | None = None


def address_group(address: str) -> str:
    """Return what an address is counted as: itself, or the 64-bit network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class QuotaTracker:
    """Counts the files, bytes, pages and reruns of every session and address.

    Parameters
    ----------
    limits
        The quotas.
    stored
        Returns the number and the total size in bytes of the files that a session has stored.
    clock
        Returns the time in seconds; monotonic, so that a change of the system's clock changes no
        quota.
    """

    def __init__(
        self,
        limits: Limits,
        stored: Callable[[str], tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._stored = stored
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count()  # of requests
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._uploads: dict[str, list[Upload]] = {}  # by session, the oldest first
        self._sessions: dict[str, set[str]] = {}  # by address group: those that sent files
        # number of open pages and of live microphones, each by address group
        self._connections: dict[str, dict[str, int]] = {"pages": {}, "live": {}}

    def begin_upload(self, session: str, address: str, announced: int) -> Upload | Rejection:
        """Start an upload, or return why it is rejected.  Call ``end_upload`` when it is over.

        Parameters
        ----------
        announced
            Content length in bytes.  It must fit beside the stored files, but reserves no room.
        """
        group = address_group(address)
        return self._begin(session, group, announced, (("session", session), ("address", group)))

    def begin_request(self, address: str, announced: int) -> Upload | Rejection:
        """Start the upload of a program, which belongs to no page: only its address is limited.

        Parameters
        ----------
        announced
            Content length in bytes, as for ``begin_upload``.
        """
        group = address_group(address)
        session = f"request {next(self._numbers)}"
        return self._begin(session, group, announced, (("address", group),))

    def _begin(
        self, session: str, group: str, announced: int, owners: tuple[tuple[str, str], ...]
    ) -> Upload | Rejection:
        with self._lock:
            self._sessions.setdefault(group, set()).add(session)
            rejection = self._check_count(session, group) or self._check_size(
                session, group, announced
            )
            rejection = rejection or self._check_rates(owners, announced)
            if rejection is not None:
                return rejection
            upload = Upload(session, group, announced, owners)
            self._uploads.setdefault(session, []).append(upload)
            return upload

    def add_files(self, upload: Upload, count: int) -> Rejection | None:
        """Count more files of an upload than one, or return why they are rejected."""
        with self._lock:
            return self._check_rates(upload.owners, 0, count)

    def add_bytes(self, upload: Upload, size: int) -> Rejection | None:
        """Count bytes of an upload that arrived; return why the upload must stop, if it must.

        If the concurrent uploads of a session do not all fit, the last to begin are rejected, so
        that the first can be completed.
        """
        with self._lock:
            upload.arrived += size
            for kind, owner in upload.owners:
                self._rate_bucket(f"{kind}_mb", owner).level -= size
            is_complete = upload.arrived >= upload.announced
            if is_complete or upload.arrived - upload.checked >= CHECK_BYTES:
                upload.checked = upload.arrived
                self._reject_overflow(upload)
            return upload.rejection

    def end_upload(self, upload: Upload) -> None:
        """Remove an upload that is stored or was cancelled; a second call does nothing."""
        with self._lock:
            uploads = self._uploads.get(upload.session, [])
            if upload in uploads:
                uploads.remove(upload)
            if not uploads:
                self._uploads.pop(upload.session, None)

    def _reject_overflow(self, upload: Upload) -> None:
        while upload.rejection is None:
            rejection = self._check_size(upload.session, upload.group, 0)
            if rejection is None:
                return
            active = [u for u in self._uploads[upload.session] if u.rejection is None]
            last = active[-1] if rejection.reason == "session_mb" else upload
            last.rejection = rejection

    def rerun_wait_s(self, address: str) -> float:
        """Count a rerun of a page and return 0.0, or return the seconds until one is allowed."""
        with self._lock:
            per_min = self.limits.address_reruns_per_min
            bucket = self._bucket("reruns", address_group(address), RERUN_BURST, per_min)
            wait_s = bucket.wait_s(1)
            if wait_s <= 0:
                bucket.level -= 1
            return wait_s

    def open_page(self, address: str) -> Rejection | None:
        """Count an opened page, or return why it is rejected.  Call ``close_page`` afterwards."""
        return self._open("pages", address)

    def close_page(self, address: str) -> None:
        """Count a closed page."""
        self._close("pages", address)

    def open_live(self, address: str) -> Rejection | None:
        """Count a live microphone, or return why it is rejected; then call ``close_live``."""
        return self._open("live", address)

    def close_live(self, address: str) -> None:
        """Count a live microphone that was closed."""
        self._close("live", address)

    @property
    def n_pages(self) -> int:
        """Number of open pages."""
        with self._lock:
            return sum(self._connections["pages"].values())

    @property
    def n_live(self) -> int:
        """Number of live microphones."""
        with self._lock:
            return sum(self._connections["live"].values())

    def _open(self, kind: str, address: str) -> Rejection | None:
        """Count an opened connection of a kind, or return why it is rejected."""
        group = address_group(address)
        of_server, of_address, per_min = (
            getattr(self.limits, name)
            for name in (f"server_{kind}", f"address_{kind}", f"address_{kind}_per_min")
        )
        with self._lock:
            counts = self._connections[kind]
            if sum(counts.values()) >= of_server:
                return Rejection(f"server_{kind}", STORED_RETRY_S, 503)
            if counts.get(group, 0) >= of_address:
                return Rejection(f"address_{kind}", STORED_RETRY_S)
            bucket = self._bucket(kind, group, max(of_address, 1), per_min)
            wait_s = bucket.wait_s(1)
            if wait_s > 0:
                return Rejection(f"address_{kind}_per_min", math.ceil(wait_s))
            bucket.level -= 1
            counts[group] = counts.get(group, 0) + 1
        return None

    def _close(self, kind: str, address: str) -> None:
        group, counts = address_group(address), self._connections[kind]
        with self._lock:
            counts[group] = counts.get(group, 0) - 1
            if counts[group] <= 0:
                del counts[group]

    def _usage(self, session: str) -> tuple[int, int]:
        """Return the number and the size in bytes of a session's files, uploads included."""
        n_files, size = self._stored(session)
        uploads = [u for u in self._uploads.get(session, ()) if u.rejection is None]
        return n_files + len(uploads), size + sum(u.arrived for u in uploads)

    def _check_size(self, session: str, group: str, size: int) -> Rejection | None:
        """Return the rejection of a number of bytes more, None if there is room for them."""
        limits = self.limits
        if self._usage(session)[1] + size > limits.session_mb * MB:
            return Rejection("session_mb", STORED_RETRY_S)
        usage = {s: self._usage(s) for sessions in self._sessions.values() for s in sessions}
        for sessions in self._sessions.values():  # drop those that have no files left
            sessions -= {s for s in sessions if usage[s] == (0, 0) and s != session}
        if sum(usage[s][1] for s in self._sessions[group]) + size > limits.address_mb * MB:
            return Rejection("address_mb", STORED_RETRY_S)
        self._sessions = {key: sessions for key, sessions in self._sessions.items() if sessions}
        if sum(used for _, used in usage.values()) + size > limits.server_mb * MB:
            return Rejection("server_mb", STORED_RETRY_S, 503)
        return None

    def _check_count(self, session: str, group: str) -> Rejection | None:
        """Return the rejection of one file more, None if it is allowed."""
        if self._usage(session)[0] >= self.limits.session_files:
            return Rejection("session_files", STORED_RETRY_S)
        n_files = sum(self._usage(s)[0] for s in self._sessions[group])
        if n_files >= self.limits.address_files:
            return Rejection("address_files", STORED_RETRY_S)
        return None

    def _check_rates(
        self, owners: tuple[tuple[str, str], ...], size: int, count: int = 1
    ) -> Rejection | None:
        """Count files of a size; return their rejection if files or bytes come too fast."""
        file_buckets: list[Bucket] = []
        for scope, owner in owners:
            for unit, amount in (("files", float(count)), ("mb", float(size))):
                bucket = self._rate_bucket(f"{scope}_{unit}", owner)
                wait_s = bucket.wait_s(amount)
                if wait_s > 0:
                    return Rejection(f"{scope}_{unit}_per_min", math.ceil(wait_s))
                if unit == "files":
                    file_buckets.append(bucket)
        for bucket in file_buckets:  # bytes are counted as they arrive
            bucket.level -= count
        return None

    def _rate_bucket(self, name: str, owner: str) -> Bucket:
        """Return the bucket of a limit of a session or an address group; bytes, not MB."""
        unit = MB if name.endswith("_mb") else 1
        capacity = getattr(self.limits, name) * unit
        return self._bucket(name, owner, capacity, getattr(self.limits, f"{name}_per_min") * unit)

    def _bucket(self, name: str, owner: str, capacity: float, per_min: float) -> Bucket:
        now_s = self._clock()
        if len(self._buckets) > MAX_BUCKETS:
            for bucket in self._buckets.values():
                bucket.fill(now_s)
            full = [key for key, bucket in self._buckets.items() if bucket.level >= bucket.capacity]
            for key in full:
                del self._buckets[key]
        new = Bucket(capacity, per_min / 60, capacity, now_s)
        bucket = self._buckets.setdefault((name, owner), new)
        bucket.fill(now_s)
        return bucket
