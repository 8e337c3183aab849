"""Texts with their classes, from a table of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .lines import lines_of
from .reuters import Stories

__all__ = ["parse_labelled"]


def parse_labelled(content: bytes, classes: Sequence[str]) -> Stories:
    """A class, a tab and a text a row, in UTF-8, without a header; empty rows are skipped.

    Parameters
    ----------
    content : bytes
    classes : sequence of str
        Their names by number, which become the labels.

    Raises
    ------
    ValueError
        It is not text, a row is not a class, a tab and a text, its class is unknown, or there is
        no row.
    """
    found = list(_rows(lines_of(content), classes))
    if not found:
        raise ValueError("the table must have at least one row")
    texts, labels = zip(*found)
    return Stories(texts=texts, labels=np.array(labels))


def _rows(rows: Sequence[str], classes: Sequence[str]) -> Iterable[tuple[str, int]]:
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        name, tab, text = row.partition("\t")
        if not tab or not text.strip() or "\t" in text:
            raise ValueError(f"row {number} must be a class, a tab and a text")
        if name not in classes:
            known = ", ".join(classes)
            raise ValueError(f"row {number}: class must be one of {known}, not {name!r}")
        yield text, classes.index(name)
