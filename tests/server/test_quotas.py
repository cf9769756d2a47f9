"""Who may send, keep and open how much; the clock is moved by hand."""

from dataclasses import dataclass, field, fields, replace

import pytest

from emo.errors import SettingError
from emo.server.quotas import (
    MB,
    PRUNE_AT,
    RERUN_BURST,
    STORED_RETRY_S,
    Limits,
    QuotaTracker,
    Rejection,
    Upload,
    address_group,
    read_limits,
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
    address_sessions=2,
    address_sessions_per_min=60,
    server_mb=35,
    server_sessions=3,
)


@dataclass
class World:
    """A clock, and the files that sessions have; the ledger reads both."""

    now_s: float = 0.0
    files: dict[str, list[int]] = field(default_factory=dict)

    def ledger(self, limits: Limits = SMALL) -> QuotaTracker:
        return QuotaTracker(limits, self.held, lambda: self.now_s)

    def held(self, session: str) -> tuple[int, int]:
        sizes = self.files.get(session, [])
        return len(sizes), sum(sizes)

    def send(self, ledger: QuotaTracker, session: str, address: str, size: int) -> str:
        """The reason of a refusal; empty where the file arrived."""
        upload = ledger.begin(session, address, size)
        if isinstance(upload, Rejection):
            return upload.reason
        refusal = ledger.arrive(upload, size)
        ledger.end(upload)
        if refusal is not None:
            return refusal.reason
        self.files.setdefault(session, []).append(size)
        return ""


def begun(ledger: QuotaTracker, session: str, address: str, size: int) -> Upload:
    """An upload that may come."""
    upload = ledger.begin(session, address, size)
    assert isinstance(upload, Upload)
    return upload


def test_files_of_a_session_are_counted_and_come_back_when_taken_away():
    world = World()
    ledger = world.ledger()
    assert [world.send(ledger, "a", "1.1.1.1", 1) for _ in range(6)] == [""] * 5 + ["session_files"]
    world.files["a"].clear()
    world.now_s += 60
    assert world.send(ledger, "a", "1.1.1.1", 1) == ""


def test_bytes_of_a_session_are_counted_on_their_way_too():
    world = World()
    ledger = world.ledger()
    first = begun(ledger, "a", "1.1.1.1", 6 * MB)
    assert ledger.arrive(first, 6 * MB) is None
    refusal = ledger.begin("a", "1.1.1.1", 6 * MB)
    assert isinstance(refusal, Rejection)
    assert (refusal.reason, refusal.retry_s, refusal.status) == ("session_mb", STORED_RETRY_S, 429)
    ledger.end(first)  # it did not arrive
    world.now_s += 60
    begun(ledger, "a", "1.1.1.1", 6 * MB)


def test_what_is_announced_takes_no_room():
    world = World()
    ledger = world.ledger()
    for session, address in (("a", "1.1.1.1"), ("b", "1.1.1.1"), ("c", "2.2.2.2")):
        for _ in range(2):
            upload = begun(ledger, session, address, 9 * MB)
            assert ledger.arrive(upload, 1) is None
    assert world.send(ledger, "d", "3.3.3.3", 9 * MB) == ""
    assert world.send(ledger, "a", "1.1.1.1", 9 * MB) == ""


def test_of_uploads_at_once_that_do_not_all_fit_those_that_began_first_are_completed():
    world = World()
    ledger = world.ledger(replace(SMALL, session_mb_per_min=600))
    uploads = [begun(ledger, "a", "1.1.1.1", 4 * MB) for _ in range(5)]
    refused = set()
    for _ in range(4):
        for i, upload in enumerate(uploads):
            if i not in refused and ledger.arrive(upload, MB) is not None:
                refused.add(i)
    assert refused == {2, 3, 4}
    assert [upload.arrived for upload in uploads[:2]] == [4 * MB, 4 * MB]


def test_bytes_beyond_what_was_announced_are_counted():
    world = World()
    ledger = world.ledger()
    upload = begun(ledger, "a", "1.1.1.1", 5)
    for _ in range(10):
        assert ledger.arrive(upload, MB) is None
    refusal = ledger.arrive(upload, MB)
    assert refusal is not None
    assert refusal.reason == "session_mb"


def test_the_last_bytes_of_an_upload_count_too():
    world = World()
    ledger = world.ledger()
    uploads = [begun(ledger, "a", "1.1.1.1", 5 * MB + 1) for _ in range(2)]
    assert [ledger.arrive(upload, 5 * MB) for upload in uploads] == [None, None]
    refusals = [ledger.arrive(upload, 1) for upload in uploads]
    assert [refusal is None for refusal in refusals] == [True, False]


def test_pages_are_made_anew_at_a_rate_and_other_addresses_are_not_touched():
    world = World()
    ledger = world.ledger()
    assert [ledger.run_wait_s("1.1.1.1") for _ in range(RERUN_BURST)] == [0.0] * RERUN_BURST
    wait_s = ledger.run_wait_s("1.1.1.1")
    assert wait_s == pytest.approx(60 / SMALL.address_runs_per_min)
    assert ledger.run_wait_s("2.2.2.2") == 0
    world.now_s += wait_s + 0.001
    assert ledger.run_wait_s("1.1.1.1") == 0


def test_rate_is_refilled_as_time_goes_by_and_the_answer_says_when():
    world = World()
    ledger = world.ledger()
    for _ in range(5):
        assert world.send(ledger, "a", "1.1.1.1", 1) == ""
        world.files["a"].clear()  # nothing is kept, so the rate alone counts
    refusal = ledger.begin("a", "1.1.1.1", 1)
    assert isinstance(refusal, Rejection)
    assert refusal.reason == "session_files_per_min"
    assert refusal.retry_s == 2  # thirty a minute
    world.now_s += 1.9
    assert world.send(ledger, "a", "1.1.1.1", 1) == "session_files_per_min"
    world.now_s += 0.2
    assert world.send(ledger, "a", "1.1.1.1", 1) == ""


def test_bytes_per_minute_are_counted():
    world = World()
    ledger = world.ledger()
    assert world.send(ledger, "a", "1.1.1.1", 10 * MB) == ""
    world.files.clear()
    refusal = ledger.begin("a", "1.1.1.1", 5 * MB)
    assert isinstance(refusal, Rejection)
    assert (refusal.reason, refusal.retry_s) == ("session_mb_per_min", 5)  # 1 MB a second


def test_sessions_of_one_address_share_its_room_and_others_are_not_touched():
    world = World()
    ledger = world.ledger()
    for session in "ab":
        for _ in range(4):
            assert world.send(ledger, session, "1.1.1.1", 1) == ""
    assert world.send(ledger, "c", "1.1.1.1", 1) == "address_files"
    assert world.send(ledger, "d", "2.2.2.2", 1) == ""


def test_the_whole_server_has_a_limit_and_says_that_it_is_full():
    world = World()
    ledger = world.ledger()
    for i in range(3):
        assert world.send(ledger, f"s{i}", f"1.1.1.{i}", 9 * MB) == ""
    refusal = ledger.begin("s3", "1.1.1.3", 9 * MB)
    assert isinstance(refusal, Rejection)
    assert (refusal.reason, refusal.status) == ("server_mb", 503)


def test_address_bytes_are_limited():
    world = World()
    ledger = world.ledger(replace(SMALL, server_mb=1000))
    said = [world.send(ledger, f"s{i}", "1.1.1.1", 9 * MB) for i in range(4)]
    assert said == ["", "", "", "address_mb"]


def test_pages_are_counted_by_address_and_in_all():
    ledger = World().ledger()
    assert [ledger.enter(one) for one in ("1.1.1.1", "1.1.1.1")] == [None, None]
    refusal = ledger.enter("1.1.1.1")
    assert refusal is not None
    assert refusal.reason == "address_sessions"
    assert ledger.enter("2.2.2.2") is None
    refusal = ledger.enter("3.3.3.3")
    assert refusal is not None
    assert (refusal.reason, refusal.status) == ("server_sessions", 503)
    ledger.leave("2.2.2.2")
    assert ledger.n_open == 2
    assert ledger.enter("3.3.3.3") is None


def test_pages_opened_too_fast_are_refused_until_time_has_passed():
    world = World()
    ledger = world.ledger()
    for _ in range(2):
        assert ledger.enter("1.1.1.1") is None
        ledger.leave("1.1.1.1")
    refusal = ledger.enter("1.1.1.1")
    assert refusal is not None
    assert (refusal.reason, refusal.retry_s) == ("address_sessions_per_min", 1)
    world.now_s += 1
    assert ledger.enter("1.1.1.1") is None


def test_a_clock_that_goes_back_takes_nothing_and_gives_nothing():
    world = World(now_s=1000.0)
    ledger = world.ledger()
    for _ in range(5):
        world.send(ledger, "a", "1.1.1.1", 1)
        world.files.clear()
    world.now_s -= 900
    assert world.send(ledger, "a", "1.1.1.1", 1) == "session_files_per_min"
    world.now_s += 2
    assert world.send(ledger, "a", "1.1.1.1", 1) == ""


def test_what_is_remembered_does_not_grow_with_the_visitors():
    world = World()
    ledger = world.ledger()
    for i in range(PRUNE_AT * 2):
        world.now_s += 60
        assert world.send(ledger, f"s{i}", f"10.{i >> 8 & 255}.{i & 255}.1", 1) == ""
        world.files.clear()
    assert len(ledger._buckets) <= PRUNE_AT + 8
    assert len(ledger._sessions) <= 2
    assert not ledger._coming


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
def test_an_ipv6_network_counts_as_one_address(address, group):
    assert address_group(address) == group


def test_limits_come_from_the_environment():
    found = read_limits({"EMO_SESSION_MB": "12.5", "EMO_WAITING": "0", "OTHER": "x"})
    assert (found.session_mb, found.waiting) == (12.5, 0)
    assert found.session_files == Limits().session_files


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf", ""])
def test_a_limit_that_is_no_number_is_refused_by_name(text):
    with pytest.raises(SettingError, match="EMO_SESSION_FILES"):
        read_limits({"EMO_SESSION_FILES": text})


def test_a_comparison_of_a_hundred_clips_fits_and_sixty_large_files_do_not():
    limits = Limits()
    world = World()
    ledger = world.ledger(limits)
    assert {world.send(ledger, "compare", "1.1.1.1", MB) for _ in range(100)} == {""}
    said = [world.send(ledger, "raw", "2.2.2.2", 4 * MB) for _ in range(60)]
    assert said.index("session_mb") == limits.session_mb // 4
    assert all(getattr(limits, field.name) >= 0 for field in fields(limits))
