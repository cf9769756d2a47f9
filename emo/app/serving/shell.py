"""The HTML page that is sent first: that of Streamlit, with what a visitor needs meanwhile."""

import json
import re
from collections.abc import Sequence

from emo.system.paths import PACKAGE_DIR

TITLE = "Emo"
LOADING = "Emo is loading …"

_FILES = PACKAGE_DIR / "app" / "static"
_STYLES = ("app", "analyse", "matrices", "touch", "print", "forced", "loading")
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

ICONS_SCRIPT = """<script>
    const waitForIcons = setInterval(() => {
      const fonts = [...document.fonts].filter((font) => font.family.includes("Material"));
      if (!fonts.some((font) => ["loaded", "error"].includes(font.status))) return;
      clearInterval(waitForIcons);
      document.documentElement.classList.add("emo-icons");
    }, 100);
    </script>"""
"""Shows the icons when their font is there; until then they would be words such as "upload"."""

ELEMENTS = (
    "ButtonGroup",
    "Selectbox",
    "Slider",
    "DownloadButton",
    "Spinner",
    "Progress",
    "PageLink",
    "TextInput",
    "Audio",
    "PlotlyChart",
)
"""Elements of the pages that are not on the first one; the largest is the last."""

ELEMENTS_SCRIPT = """<script>
    const waitForPage = setInterval(() => {
      if (!document.querySelector("h1")) return;
      clearInterval(waitForPage);
      const line = navigator.connection;
      if (line && (line.saveData || /2g|3g/.test(line.effectiveType))) return;
      setTimeout(() => {
        for (const href of NAMES) {
          const link = document.createElement("link");
          Object.assign(link, { rel: "modulepreload", href, fetchPriority: "low" });
          document.head.append(link);
        }
      }, 1000);
    }, 1000);
    </script>"""
"""Fetches Streamlit's code for the other pages once a page is there, unless the line is slow.

Otherwise the first page with a list, a slider or a chart waits for a chain of files.
"""

WAITING = (
    '<div id="root"><style>'
    ".emo-loading{margin:0;padding:20vh 1.5rem;text-align:center;font:1.125rem/1.5 sans-serif;"
    "color:#1f2326}body{background:#fbfaf7}"
    "@media(prefers-color-scheme:dark){.emo-loading{color:#e8e6e1}body{background:#14171a}}"
    f'</style><p class="emo-loading" role="status">{LOADING}</p></div>'
)
"""What is on the page until its scripts have come."""


def page_style() -> str:
    """Return the CSS of all pages as an HTML element.

    It stands in the first page, below Streamlit's, which it overrides.  A style that came with the
    elements of a page would move what is there already.
    """
    files = [_FILES / f"{name}.css" for name in _STYLES]
    return f"<style>{''.join(path.read_text(encoding='utf-8') for path in files)}</style>"


def first_page(index_html: str, scripts: Sequence[str] = ()) -> str:
    """Return the HTML of the first page.

    Parameters
    ----------
    index_html
        The HTML of Streamlit's page.
    scripts
        Addresses of the scripts that are fetched in advance, relative to the page.

    Raises
    ------
    ValueError
        It has no head, or no place for the content.
    """
    if index_html.count(_HEAD) != 1 or index_html.count(_ROOT) != 1:
        raise ValueError(f"The page of Streamlit has not one {_HEAD} and one {_ROOT}.")
    own = [BASE_SCRIPT, DRAWER_SCRIPT, ICONS_SCRIPT]
    if scripts:
        own.append(ELEMENTS_SCRIPT.replace("NAMES", json.dumps(scripts)))
    page = index_html.replace(_HEAD, "\n    ".join([_HEAD, *own]))
    page = page.replace(_ROOT, WAITING + page_style())
    page = page.replace("<title>Streamlit</title>", f"<title>{TITLE}</title>")
    # Text comes first in a font of the computer: this one would take a third of the time.
    return _FONT.sub("", page)
