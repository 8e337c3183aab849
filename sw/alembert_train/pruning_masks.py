"""Which values are kept when the least important of them go: exact counts, ties by place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["keep_highest"]


def keep_highest(
    importances: Sequence[Tensor], share: float, candidates: Sequence[Tensor] | None = None
) -> list[Tensor]:
    """Masks that leave out the least important of all that is given, taken together.

    Of n candidates, exactly round(share · n), a half to even, are left out. Of equal ones, those
    that come first are: in the order of the tensors and, within one, of its rows.

    Parameters
    ----------
    importances : sequence of Tensor
        Finite.
    share : float
        0…1.
    candidates : sequence of Tensor of bool, optional
        Of the same shapes: what is left out in any case, and is not counted, is False.

    Returns
    -------
    list of Tensor of bool
        Of the same shapes; True where a value is kept.

    Raises
    ------
    ValueError
        The share is out of its range, an importance is NaN or infinite, or there are candidates
        of another shape.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, not {share}")
    shapes = [list(each.shape) for each in importances]
    if candidates is None:
        candidates = [torch.ones_like(each, dtype=torch.bool) for each in importances]
    if [list(each.shape) for each in candidates] != shapes:
        given = [list(each.shape) for each in candidates]
        raise ValueError(f"candidates must be of shapes {shapes}, not {given}")
    if not shapes:
        return []
    values = torch.cat([each.detach().flatten() for each in importances])
    kept = torch.cat([each.flatten() for each in candidates])
    among = values[kept]
    if not among.isfinite().all():
        worst = among[~among.isfinite()][0].item()
        raise ValueError(f"importances must be finite, not {worst}")
    kept[kept.clone()] = ~_lowest(among, round(share * len(among)))
    parts = kept.split([each.numel() for each in importances])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _lowest(values: Tensor, count: int) -> Tensor:
    """Which of values [n] are the lowest so many."""
    if count == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    # selection, not sorting: it is done in every step
    bound = values.kthvalue(count).values
    lowest = values < bound
    ties = (values == bound).nonzero().flatten()
    lowest[ties[: count - int(lowest.sum())]] = True
    return lowest
