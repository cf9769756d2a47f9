"""Serve the pages: Streamlit with the protection of ``emo.server``.

``server`` starts and stops it; ``access`` has its hosts and connections, ``messages`` the messages
of its pages, ``uploads`` the files of its sessions, and ``visitors`` their addresses.
"""
