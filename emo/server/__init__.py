"""Protect and monitor an ASGI server, without knowing its pages.

``middleware`` checks hosts, quotas and messages of every request, with ``hosts``, ``headers``,
``bodies`` and ``messages``; ``quotas`` limits files and pages, ``connections`` TCP connections,
``concurrency`` running tasks, and ``memory`` their memory; ``live`` serves the websocket of a live
microphone; ``settings`` reads the environment;
``telemetry`` has the metrics, ``logs`` and ``stderr`` the logs, ``health`` the health checks, and
``cache`` decoded clips.
"""
