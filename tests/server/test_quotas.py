"""Quotas on files, bytes, pages and reruns; the tests set the clock."""

from dataclasses import dataclass, field, replace

import pytest

from emo.server.quotas import (
    MAX_BUCKETS,
    MB,
    RERUN_BURST,
    STORED_RETRY_S,
    Limits,
    QuotaTracker,
    Rejection,
    Upload,
    address_group,
)

SMALL = Limits(
    session_mb=10,
    session_files=5,
    session_mb_per_min=60,
    session_files_per_min=30,
    address_mb=30,
    address_files=8,
    address_mb_per_min=600,
    address_files_per_min=600,
    address_pages=2,
    address_pages_per_min=60,
    server_mb=35,
    server_pages=3,
)


@dataclass
class World:
    """A clock, and the stored files of sessions; the tracker reads both."""

    now_s: float = 0.0
    files: dict[str, list[int]] = field(default_factory=dict)

    def quotas(self, limits: Limits = SMALL) -> QuotaTracker:
        return QuotaTracker(limits, self.stored, lambda: self.now_s)

    def stored(self, session: str) -> tuple[int, int]:
        sizes = self.files.get(session, [])
        return len(sizes), sum(sizes)

    def send(self, quotas: QuotaTracker, session: str, address: str, size: int) -> str:
        """Send a file; return the reason of its rejection, empty if it was stored."""
        upload = quotas.begin_upload(session, address, size)
        if isinstance(upload, Rejection):
            return upload.reason
        rejection = quotas.add_bytes(upload, size)
        quotas.end_upload(upload)
        if rejection is not None:
            return rejection.reason
        self.files.setdefault(session, []).append(size)
        return ""


def begin(quotas: QuotaTracker, session: str, address: str, size: int) -> Upload:
    """Start an upload that is not rejected."""
    upload = quotas.begin_upload(session, address, size)
    assert isinstance(upload, Upload)
    return upload


def test_files_of_a_session_are_limited_until_they_are_removed():
    world = World()
    quotas = world.quotas()
    assert [world.send(quotas, "a", "1.1.1.1", 1) for _ in range(6)] == [""] * 5 + ["session_files"]
    world.files["a"].clear()
    world.now_s += 60
    assert world.send(quotas, "a", "1.1.1.1", 1) == ""


def test_bytes_of_running_uploads_count():
    world = World()
    quotas = world.quotas()
    first = begin(quotas, "a", "1.1.1.1", 6 * MB)
    assert quotas.add_bytes(first, 6 * MB) is None
    rejection = quotas.begin_upload("a", "1.1.1.1", 6 * MB)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.retry_s, rejection.status) == (
        "session_mb",
        STORED_RETRY_S,
        429,
    )
    quotas.end_upload(first)  # it was cancelled
    world.now_s += 60
    begin(quotas, "a", "1.1.1.1", 6 * MB)


def test_announced_bytes_reserve_no_room():
    world = World()
    quotas = world.quotas()
    for session, address in (("a", "1.1.1.1"), ("b", "1.1.1.1"), ("c", "2.2.2.2")):
        for _ in range(2):
            upload = begin(quotas, session, address, 9 * MB)
            assert quotas.add_bytes(upload, 1) is None
    assert world.send(quotas, "d", "3.3.3.3", 9 * MB) == ""
    assert world.send(quotas, "a", "1.1.1.1", 9 * MB) == ""


def test_the_first_of_concurrent_uploads_are_completed():
    world = World()
    quotas = world.quotas(replace(SMALL, session_mb_per_min=600))
    uploads = [begin(quotas, "a", "1.1.1.1", 4 * MB) for _ in range(5)]
    rejected = set()
    for _ in range(4):
        for i, upload in enumerate(uploads):
            if i not in rejected and quotas.add_bytes(upload, MB) is not None:
                rejected.add(i)
    assert rejected == {2, 3, 4}
    assert [upload.arrived for upload in uploads[:2]] == [4 * MB, 4 * MB]


def test_bytes_beyond_the_announced_length_count():
    world = World()
    quotas = world.quotas()
    upload = begin(quotas, "a", "1.1.1.1", 5)
    for _ in range(10):
        assert quotas.add_bytes(upload, MB) is None
    rejection = quotas.add_bytes(upload, MB)
    assert rejection is not None
    assert rejection.reason == "session_mb"


def test_the_last_bytes_of_an_upload_count():
    world = World()
    quotas = world.quotas()
    uploads = [begin(quotas, "a", "1.1.1.1", 5 * MB + 1) for _ in range(2)]
    assert [quotas.add_bytes(upload, 5 * MB) for upload in uploads] == [None, None]
    refusals = [quotas.add_bytes(upload, 1) for upload in uploads]
    assert [rejection is None for rejection in refusals] == [True, False]


def test_reruns_are_limited_by_address():
    world = World()
    quotas = world.quotas()
    assert [quotas.rerun_wait_s("1.1.1.1") for _ in range(RERUN_BURST)] == [0.0] * RERUN_BURST
    wait_s = quotas.rerun_wait_s("1.1.1.1")
    assert wait_s == pytest.approx(60 / SMALL.address_reruns_per_min)
    assert quotas.rerun_wait_s("2.2.2.2") == 0
    world.now_s += wait_s + 0.001
    assert quotas.rerun_wait_s("1.1.1.1") == 0


def test_file_rates_refill_and_rejections_have_the_time_to_retry():
    world = World()
    quotas = world.quotas()
    for _ in range(5):
        assert world.send(quotas, "a", "1.1.1.1", 1) == ""
        world.files["a"].clear()  # no file is stored, so that the rate alone counts
    rejection = quotas.begin_upload("a", "1.1.1.1", 1)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "session_files_per_min"
    assert rejection.retry_s == 2  # thirty per minute
    world.now_s += 1.9
    assert world.send(quotas, "a", "1.1.1.1", 1) == "session_files_per_min"
    world.now_s += 0.2
    assert world.send(quotas, "a", "1.1.1.1", 1) == ""


def test_bytes_per_minute_are_limited():
    world = World()
    quotas = world.quotas()
    assert world.send(quotas, "a", "1.1.1.1", 10 * MB) == ""
    world.files.clear()
    rejection = quotas.begin_upload("a", "1.1.1.1", 5 * MB)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.retry_s) == ("session_mb_per_min", 5)  # 1 MB per second


def test_sessions_of_an_address_share_its_room():
    world = World()
    quotas = world.quotas()
    for session in "ab":
        for _ in range(4):
            assert world.send(quotas, session, "1.1.1.1", 1) == ""
    assert world.send(quotas, "c", "1.1.1.1", 1) == "address_files"
    assert world.send(quotas, "d", "2.2.2.2", 1) == ""


def test_the_server_has_a_limit():
    world = World()
    quotas = world.quotas()
    for i in range(3):
        assert world.send(quotas, f"s{i}", f"1.1.1.{i}", 9 * MB) == ""
    rejection = quotas.begin_upload("s3", "1.1.1.3", 9 * MB)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.status) == ("server_mb", 503)


def test_address_bytes_are_limited():
    world = World()
    quotas = world.quotas(replace(SMALL, server_mb=1000))
    reasons = [world.send(quotas, f"s{i}", "1.1.1.1", 9 * MB) for i in range(4)]
    assert reasons == ["", "", "", "address_mb"]


def test_pages_are_limited_by_address_and_in_all():
    quotas = World().quotas()
    assert [quotas.open_page(address) for address in ("1.1.1.1", "1.1.1.1")] == [None, None]
    rejection = quotas.open_page("1.1.1.1")
    assert rejection is not None
    assert rejection.reason == "address_pages"
    assert quotas.open_page("2.2.2.2") is None
    rejection = quotas.open_page("3.3.3.3")
    assert rejection is not None
    assert (rejection.reason, rejection.status) == ("server_pages", 503)
    quotas.close_page("2.2.2.2")
    assert quotas.n_pages == 2
    assert quotas.open_page("3.3.3.3") is None


def test_pages_opened_too_fast_are_rejected_for_a_while():
    world = World()
    quotas = world.quotas()
    for _ in range(2):
        assert quotas.open_page("1.1.1.1") is None
        quotas.close_page("1.1.1.1")
    rejection = quotas.open_page("1.1.1.1")
    assert rejection is not None
    assert (rejection.reason, rejection.retry_s) == ("address_pages_per_min", 1)
    world.now_s += 1
    assert quotas.open_page("1.1.1.1") is None


def test_a_clock_that_goes_back_changes_no_quota():
    world = World(now_s=1000.0)
    quotas = world.quotas()
    for _ in range(5):
        world.send(quotas, "a", "1.1.1.1", 1)
        world.files.clear()
    world.now_s -= 900
    assert world.send(quotas, "a", "1.1.1.1", 1) == "session_files_per_min"
    world.now_s += 2
    assert world.send(quotas, "a", "1.1.1.1", 1) == ""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_visitors():
    world = World()
    quotas = world.quotas()
    for i in range(MAX_BUCKETS * 2):
        world.now_s += 60
        assert world.send(quotas, f"s{i}", f"10.{i >> 8 & 255}.{i & 255}.1", 1) == ""
        world.files.clear()
    assert len(quotas._buckets) <= MAX_BUCKETS + 8
    assert len(quotas._sessions) <= 2
    assert not quotas._uploads


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_address_group(address, group):
    assert address_group(address) == group


def test_the_default_limits_allow_a_hundred_clips_but_not_sixty_large_files():
    limits = Limits()
    world = World()
    quotas = world.quotas(limits)
    assert {world.send(quotas, "compare", "1.1.1.1", MB) for _ in range(100)} == {""}
    reasons = [world.send(quotas, "raw", "2.2.2.2", 4 * MB) for _ in range(60)]
    assert reasons.index("session_mb") == limits.session_mb // 4
