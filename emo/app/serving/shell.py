"""The HTML page that is sent first: that of Streamlit, with what a visitor needs meanwhile."""

import re

TITLE = "Emo"
LOADING = "Emo is loading …"

_HEAD = "<head>"
_ROOT = '<div id="root"></div>'
_FONT = re.compile(r'<link\s+rel="preload"\s+href="[^"]+"\s+as="font"[^>]*/>')

BASE_SCRIPT = (
    "<script>window.__streamlit = "
    '{BACKEND_BASE_URL: new URL(".", window.location.href).href}</script>'
)
"""Says where the server is: where the files of the page are.

Otherwise a page that is opened by its address first looks below that address, in vain.
"""

WAITING = (
    '<div id="root"><style>'
    ".emo-loading{margin:0;padding:20vh 1.5rem;text-align:center;font:1.125rem/1.5 sans-serif;"
    "color:#1f2326}body{background:#fbfaf7}"
    "@media(prefers-color-scheme:dark){.emo-loading{color:#e8e6e1}body{background:#14171a}}"
    f'</style><p class="emo-loading" role="status">{LOADING}</p></div>'
)
"""What is on the page until its scripts have come."""


def first_page(index_html: str) -> str:
    """Return the HTML of the first page.

    Parameters
    ----------
    index_html
        The HTML of Streamlit's page.

    Raises
    ------
    ValueError
        It has no head, or no place for the content.
    """
    if index_html.count(_HEAD) != 1 or index_html.count(_ROOT) != 1:
        raise ValueError(f"The page of Streamlit has not one {_HEAD} and one {_ROOT}.")
    page = index_html.replace(_HEAD, f"{_HEAD}\n    {BASE_SCRIPT}").replace(_ROOT, WAITING)
    page = page.replace("<title>Streamlit</title>", f"<title>{TITLE}</title>")
    # Text comes first in a font of the computer: this one would take a third of the time.
    return _FONT.sub("", page)
