"""What `bench/app.py` measures of the page in a browser, as a part of the table.

python bench/page.py [--quick] [--save]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import Facts, Options, Part, Row, Target, main, make_row, missing_row

QUICK_UPLOADS = 3


def measure(options: Options) -> Iterator[Row | Facts]:
    """The rows of the other bench; each is held to its target by its 95th percentile."""
    try:
        from playwright.sync_api import Error, sync_playwright

        from bench import app
        from docs import screens
    except ImportError:
        yield missing_row("the page in a browser", "s", "playwright is not installed")
        return
    with screens.serve() as address, sync_playwright() as playwright:
        try:
            browser = screens.launch(playwright)
        except Error:
            yield missing_row("the page in a browser", "s", "there is no Chromium")
            return
        yield Facts({"versions": {"Chromium": browser.version}})
        uploads = options.times(app.UPLOADS, QUICK_UPLOADS)
        for row in app.measure(browser, address, uploads):
            single = len(row.values) == 1
            target = Target("≤", row.target, of="median" if single else "p95")
            yield make_row(row.name, row.values, row.unit, target)
        browser.close()


PART = Part(
    "page",
    "The page in a browser",
    "Times of the browser's own clock until what is waited for is painted; what each is stands in "
    "`bench/app.py`.",
    measure,
)

if __name__ == "__main__":
    sys.exit(main(PART))
