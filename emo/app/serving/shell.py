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

DRAWER_SCRIPT = """<script>
    document.addEventListener("click", (event) => {
      const link = event.target.closest('[data-testid="stSidebarNavLink"]');
      if (!link || /Mobi/.test(navigator.userAgent)) return;
      const close = document.querySelector('[data-testid="stSidebarCollapseButton"] button');
      setTimeout(() => close?.click());
    });
    </script>"""
"""Closes the drawer of the navigation behind a link, so that it does not cover the page.

Streamlit closes it on a phone alone.  A page that is zoomed to 200 % has a drawer too.
"""

CHARTS_SCRIPT = """<script>
    const waitForPage = setInterval(() => {
      if (!document.querySelector("h1")) return;
      clearInterval(waitForPage);
      const line = navigator.connection;
      if (line && (line.saveData || /2g|3g/.test(line.effectiveType))) return;
      const link = document.createElement("link");
      Object.assign(link, { rel: "modulepreload", href: "NAME", fetchPriority: "low" });
      setTimeout(() => document.head.append(link), 1000);
    }, 1000);
    </script>"""
"""Fetches Streamlit's code for charts once a page is there, unless the line is slow.

Otherwise the first page with a chart waits for it.
"""

WAITING = (
    '<div id="root"><style>'
    ".emo-loading{margin:0;padding:20vh 1.5rem;text-align:center;font:1.125rem/1.5 sans-serif;"
    "color:#1f2326}body{background:#fbfaf7}"
    "@media(prefers-color-scheme:dark){.emo-loading{color:#e8e6e1}body{background:#14171a}}"
    f'</style><p class="emo-loading" role="status">{LOADING}</p></div>'
)
"""What is on the page until its scripts have come."""


def first_page(index_html: str, charts: str = "") -> str:
    """Return the HTML of the first page.

    Parameters
    ----------
    index_html
        The HTML of Streamlit's page.
    charts
        Address of the script that draws charts, relative to the page; empty for none.

    Raises
    ------
    ValueError
        It has no head, or no place for the content.
    """
    if index_html.count(_HEAD) != 1 or index_html.count(_ROOT) != 1:
        raise ValueError(f"The page of Streamlit has not one {_HEAD} and one {_ROOT}.")
    scripts = [BASE_SCRIPT, DRAWER_SCRIPT]
    if charts:
        scripts.append(CHARTS_SCRIPT.replace("NAME", charts))
    page = index_html.replace(_HEAD, "\n    ".join([_HEAD, *scripts])).replace(_ROOT, WAITING)
    page = page.replace("<title>Streamlit</title>", f"<title>{TITLE}</title>")
    # Text comes first in a font of the computer: this one would take a third of the time.
    return _FONT.sub("", page)
