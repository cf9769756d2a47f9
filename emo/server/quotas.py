"""How much one session, one address and all visitors together may send, keep and open."""

import ipaddress
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from emo.errors import SettingError

MB = 2**20
PRUNE_AT = 4096
"""Number of remembered buckets above which those that are full again are dropped."""

RERUN_BURST = 40
"""Times that pages of one address are made anew without a pause."""

CHECK_BYTES = 2**20
"""Bytes of an upload that arrive between two looks at what is full."""

ROUNDING = 1e-6
"""Of an amount that is missing and does not count."""

STORED_RETRY_S = 60
"""When to ask again where there is no room: a closed tab gives its files back after a minute."""


@dataclass(frozen=True)
class Limits:
    """What is refused from where on; each is set by ``EMO_`` and its name in capitals.

    Attributes
    ----------
    session_mb, session_files
        What one session may have on the server at once: a comparison takes a hundred clips.
    session_mb_per_min, session_files_per_min
        What one session may send in the long run; at first, as much as it may have.
    address_mb, address_files, address_mb_per_min, address_files_per_min
        The same for all sessions of one address, behind which may be a whole class.
    address_sessions, address_sessions_per_min
        Pages that one address may have open, and open in a minute.
    address_runs_per_min
        How often the pages of one address are made anew in a minute in the long run.
    server_mb, server_sessions
        What all visitors together may have on the server, and how many pages may be open.
    upload_s
        How long one upload may take, in seconds.
    at_once, waiting, patience_s
        Analyses that run at once, that may wait for their turn, and for how many seconds.
        0 at once means as many as there are cores.
    memory_mb
        Memory that the server and its decoders may use; what does not fit is refused.  0 means what
        the machine or the container has.
    stop_s
        How long a stopping server waits for what it has begun, in seconds.
    """

    session_mb: float = 200
    session_files: float = 120
    session_mb_per_min: float = 200
    session_files_per_min: float = 60
    address_mb: float = 600
    address_files: float = 600
    address_mb_per_min: float = 600
    address_files_per_min: float = 240
    address_sessions: float = 64
    address_sessions_per_min: float = 120
    address_runs_per_min: float = 300
    server_mb: float = 1000
    server_sessions: float = 400
    upload_s: float = 120
    at_once: float = 0
    waiting: float = 32
    patience_s: float = 20
    memory_mb: float = 0
    stop_s: float = 20


def read_limits(environ: Mapping[str, str] | None = None) -> Limits:
    """The limits, with those that the environment sets.

    Raises
    ------
    SettingError
        One of them is no number, or less than nothing.
    """
    environ = os.environ if environ is None else environ
    found: dict[str, float] = {}
    for field in fields(Limits):
        name = f"EMO_{field.name.upper()}"
        text = environ.get(name)
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise SettingError(f"{name} is {text!r}. Please give a number from 0 on.")
        found[field.name] = value
    return Limits(**found)


@dataclass(frozen=True)
class Rejection:
    """Why something is refused, and after how many seconds it may be asked for again."""

    reason: str
    retry_s: int
    status: int = 429


@dataclass
class Bucket:
    """Room that fills again by itself: what was taken of it, and when that was reckoned."""

    capacity: float
    per_s: float
    level: float
    at_s: float

    def fill(self, now_s: float) -> None:
        """Add what has come back since the last reckoning."""
        self.level = min(self.capacity, self.level + max(0.0, now_s - self.at_s) * self.per_s)
        self.at_s = now_s

    def wait_s(self, amount: float) -> float:
        """Seconds until there is room for the amount; at once where it is all that ever fits."""
        missing = min(amount, self.capacity) - self.level
        if missing <= ROUNDING:
            return 0.0
        return missing / self.per_s if self.per_s > 0 else STORED_RETRY_S


@dataclass(eq=False)
class Upload:
    """An upload on its way.

    Attributes
    ----------
    announced, arrived
        Its bytes as it says, and those that have come so far.  Only these take room.
    refusal
        Why it may not go on, once it may not.
    """

    session: str
    group: str
    announced: int
    arrived: int = 0
    reckoned: int = 0
    refusal: Rejection | None = None


def address_group(address: str) -> str:
    """Whom an address is reckoned to: itself, or of IPv6 the network of 64 bits it is in."""
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
    """What every session and address has sent, has on the server, and is sending.

    Time is the monotonic clock's, so that a change of the system's clock gives nobody more or less.

    Parameters
    ----------
    held
        The number and the bytes of the files that a session has on the server.
    """

    def __init__(
        self,
        limits: Limits,
        held: Callable[[str], tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._held = held
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._coming: dict[str, list[Upload]] = {}  # by session, the oldest first
        self._sessions: dict[str, set[str]] = {}  # by address: those that sent files
        self._open: dict[str, int] = {}  # by address: open pages

    def begin(self, session: str, address: str, announced: int) -> Upload | Rejection:
        """Return the upload that may now come, or why it may not; `end` must follow.

        Parameters
        ----------
        announced
            Its bytes as it says.  They must fit beside what is there, and take no room from others.
        """
        with self._lock:
            group = address_group(address)
            self._sessions.setdefault(group, set()).add(session)
            refusal = self._too_many(session, group) or self._full(session, group, announced)
            refusal = refusal or self._too_fast(session, group, announced)
            if refusal is not None:
                return refusal
            upload = Upload(session, group, announced)
            self._coming.setdefault(session, []).append(upload)
            return upload

    def arrive(self, upload: Upload, size: int) -> Rejection | None:
        """Return None if so many more bytes of an upload may be kept, else why not.

        Where a session's uploads at the same time do not all fit, those that began last give way,
        so that the others can be completed.
        """
        with self._lock:
            upload.arrived += size
            for name, who in (("session_mb", upload.session), ("address_mb", upload.group)):
                self._rate(name, who).level -= size
            is_whole = upload.arrived >= upload.announced
            if is_whole or upload.arrived - upload.reckoned >= CHECK_BYTES:
                upload.reckoned = upload.arrived
                self._make_room(upload)
            return upload.refusal

    def end(self, upload: Upload) -> None:
        """Take an upload that arrived, or will not, from those on their way."""
        with self._lock:
            uploads = self._coming.get(upload.session, [])
            if upload in uploads:
                uploads.remove(upload)
            if not uploads:
                self._coming.pop(upload.session, None)

    def _make_room(self, upload: Upload) -> None:
        while upload.refusal is None:
            refusal = self._full(upload.session, upload.group, 0)
            if refusal is None:
                return
            there = [one for one in self._coming[upload.session] if one.refusal is None]
            last = there[-1] if refusal.reason == "session_mb" else upload
            last.refusal = refusal

    def run_wait_s(self, address: str) -> float:
        """Return 0.0 if a page of the address may be made anew now, else the seconds until then."""
        with self._lock:
            per_min = self.limits.address_runs_per_min
            bucket = self._bucket("runs", address_group(address), RERUN_BURST, per_min)
            wait_s = bucket.wait_s(1)
            if wait_s <= 0:
                bucket.level -= 1
            return wait_s

    def enter(self, address: str) -> Rejection | None:
        """None if one more page may be opened, else why not; `leave` must follow."""
        limits, group = self.limits, address_group(address)
        with self._lock:
            if sum(self._open.values()) >= limits.server_sessions:
                return Rejection("server_sessions", STORED_RETRY_S, 503)
            if self._open.get(group, 0) >= limits.address_sessions:
                return Rejection("address_sessions", STORED_RETRY_S)
            capacity = max(limits.address_sessions, 1)
            rate = self._bucket("pages", group, capacity, limits.address_sessions_per_min)
            wait_s = rate.wait_s(1)
            if wait_s > 0:
                return Rejection("address_sessions_per_min", math.ceil(wait_s))
            rate.level -= 1
            self._open[group] = self._open.get(group, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """Nothing; a page was closed."""
        group = address_group(address)
        with self._lock:
            self._open[group] = self._open.get(group, 0) - 1
            if self._open[group] <= 0:
                del self._open[group]

    @property
    def n_open(self) -> int:
        """Number of open pages."""
        with self._lock:
            return sum(self._open.values())

    def _usage(self, session: str) -> tuple[int, int]:
        files, size = self._held(session)
        coming = [one for one in self._coming.get(session, ()) if one.refusal is None]
        return files + len(coming), size + sum(one.arrived for one in coming)

    def _full(self, session: str, group: str, size: int) -> Rejection | None:
        """Return why there is no room for so many bytes more, if there is none."""
        limits = self.limits
        if self._usage(session)[1] + size > limits.session_mb * MB:
            return Rejection("session_mb", STORED_RETRY_S)
        usage = {one: self._usage(one) for others in self._sessions.values() for one in others}
        for sessions in self._sessions.values():  # those that have nothing left are forgotten
            sessions -= {one for one in sessions if usage[one] == (0, 0) and one != session}
        if sum(usage[one][1] for one in self._sessions[group]) + size > limits.address_mb * MB:
            return Rejection("address_mb", STORED_RETRY_S)
        self._sessions = {key: kept for key, kept in self._sessions.items() if kept}
        if sum(used for _, used in usage.values()) + size > limits.server_mb * MB:
            return Rejection("server_mb", STORED_RETRY_S, 503)
        return None

    def _too_many(self, session: str, group: str) -> Rejection | None:
        """Return why there is no place for a file more, if there is none."""
        if self._usage(session)[0] >= self.limits.session_files:
            return Rejection("session_files", STORED_RETRY_S)
        n_files = sum(self._usage(one)[0] for one in self._sessions[group])
        if n_files >= self.limits.address_files:
            return Rejection("address_files", STORED_RETRY_S)
        return None

    def _too_fast(self, session: str, group: str, size: int) -> Rejection | None:
        """Return why so many bytes come too soon, if they do; else the file is reckoned."""
        files: list[Bucket] = []
        for whose, who in (("session", session), ("address", group)):
            for what, amount in (("files", 1.0), ("mb", float(size))):
                bucket = self._rate(f"{whose}_{what}", who)
                wait_s = bucket.wait_s(amount)
                if wait_s > 0:
                    return Rejection(f"{whose}_{what}_per_min", math.ceil(wait_s))
                if what == "files":
                    files.append(bucket)
        for bucket in files:  # bytes are reckoned as they arrive
            bucket.level -= 1
        return None

    def _rate(self, name: str, who: str) -> Bucket:
        """Return the bucket of a limit that holds for a session or an address."""
        unit = MB if name.endswith("_mb") else 1
        capacity = getattr(self.limits, name) * unit
        return self._bucket(name, who, capacity, getattr(self.limits, f"{name}_per_min") * unit)

    def _bucket(self, what: str, who: str, capacity: float, per_min: float) -> Bucket:
        now_s = self._clock()
        if len(self._buckets) > PRUNE_AT:
            for bucket in self._buckets.values():
                bucket.fill(now_s)
            full = [key for key, one in self._buckets.items() if one.level >= one.capacity]
            for key in full:
                del self._buckets[key]
        new = Bucket(capacity, per_min / 60, capacity, now_s)
        bucket = self._buckets.setdefault((what, who), new)
        bucket.fill(now_s)
        return bucket
