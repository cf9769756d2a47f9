"""Serve the HTTP API beside the pages.

``routes`` has its route, and gives ``emo.api`` the models, the memory and the quotas of the pages.
"""
