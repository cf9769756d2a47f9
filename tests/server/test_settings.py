"""The settings of the server, and the quotas that follow from them."""

import pytest

from emo.errors import SettingError
from emo.server.quotas import Limits, derive_limits
from emo.server.settings import Settings, read_settings


def test_settings_come_from_the_environment():
    settings = read_settings({"EMO_SESSION_MB": "12.5", "EMO_QUEUE_SIZE": "0", "OTHER": "x"})
    assert settings == Settings(session_mb=12.5, queue_size=0)


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf", ""])
def test_a_setting_that_is_not_a_number_is_rejected_by_its_name(text):
    with pytest.raises(SettingError, match="EMO_SESSION_MB"):
        read_settings({"EMO_SESSION_MB": text})


def test_the_default_settings_give_the_default_limits():
    assert derive_limits(Settings()) == Limits()


def test_limits_follow_from_the_settings():
    limits = derive_limits(
        Settings(max_pages=10, address_pages=5, address_files_per_min=40, session_mb=50)
    )
    assert (limits.address_mb, limits.server_mb, limits.session_mb_per_min) == (150, 250, 50)
    assert (limits.address_pages_per_min, limits.address_reruns_per_min) == (10, 25)
    assert (limits.session_files_per_min, limits.server_pages) == (10, 10)
    assert derive_limits(Settings(max_pages=10), max_pages=4).server_pages == 4
