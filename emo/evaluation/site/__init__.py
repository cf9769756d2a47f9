"""Pages of the documentation whose sentences quote stored figures."""

from emo.evaluation.site.pages import PAGES, site_pages

__all__ = ["PAGES", "site_pages"]
