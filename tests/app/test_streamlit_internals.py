"""Streamlit's internals that the server uses: the tests fail when a new version changes them."""

import pytest
import streamlit as st

from emo.app import streamlit_internals


def test_installed_version_is_the_one_that_was_checked():
    assert st.__version__ == streamlit_internals.VERSION, (
        "Streamlit's version has changed. Please check emo/app/streamlit_internals.py against it, "
        "and then set VERSION."
    )


def test_no_attribute_is_missing():
    assert streamlit_internals.find_missing() == []


def test_find_missing_names_the_attribute(monkeypatch):
    attributes = {**streamlit_internals.ATTRIBUTES, st.App: ("run", "_gone")}
    monkeypatch.setattr(streamlit_internals, "ATTRIBUTES", attributes)
    (missing,) = streamlit_internals.find_missing()
    assert missing.endswith(".App._gone")


@pytest.mark.parametrize("session", ["", "unknown"])
def test_a_session_without_a_server_has_no_address_page_or_files(session):
    assert streamlit_internals.current_session() == ""
    assert streamlit_internals.client_address(session) == ""
    assert not streamlit_internals.has_page(session)
    assert streamlit_internals.uploaded_files(session) == {}
