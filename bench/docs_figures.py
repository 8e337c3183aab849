"""MkDocs hook: ``{{ figure:NAME }}`` in a page becomes the measured value and its unit."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from figures import Figure, load_figures

__all__ = ["NOT_MEASURED", "on_config", "on_page_markdown", "replace_figures"]

NOT_MEASURED = "*not measured*"

_LOG = logging.getLogger("mkdocs.hooks.figures")
_MARK = re.compile(r"\{\{ *figure:([\w.]+) *\}\}")
_figures: dict[str, Figure] = {}


def replace_figures(markdown: str, figures: Mapping[str, Figure], page: str) -> str:
    """The page with every mark replaced; a name that was not measured says so.

    While there are results, a name that is missing from them is reported at level INFO, so that a
    strict build still passes: a figure that could not be measured is absent, not an error.
    """

    def value(match: re.Match[str]) -> str:
        figure = figures.get(match[1])
        if figure is not None:
            return str(figure)
        if figures:
            _LOG.info("%s: figure %s is not in the results", page, match[1])
        return NOT_MEASURED

    return _MARK.sub(value, markdown)


def on_config(config: Any) -> Any:
    """Read the results once a build."""
    _figures.clear()
    root = Path(config["config_file_path"]).parent
    _figures.update(load_figures(root / "bench" / "results.json"))
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the marks of one page."""
    return replace_figures(markdown, _figures, page.file.src_uri)
