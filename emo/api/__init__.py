"""Answer other programs over HTTP, below ``/api`` of the server of the pages.

``settings`` says whether the API is on, and ``tokens`` who may call it; ``gate`` protects it;
``routes`` has its addresses, by FastAPI, with ``options``, ``schema``, ``problems`` and the page
``docs``; ``engine`` computes the answers, and ``describe`` describes the models.
"""
