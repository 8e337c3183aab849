"""How a model is trained, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings", "learning_rate"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        At least 1.
    batch : int
        Sentences a step, at least 1.
    rate : float
        Highest learning rate.
    warm_up : float
        Share of the steps in which the rate rises, 0…1; then it falls to 0, both linearly.
    betas : tuple of float
        Of AdamW.
    weight_decay : float
    clip : float
        Largest norm of a step's gradient.
    shallow : int
        Passes of most steps; 0: all of them, in every step. One layer that is applied twelve times
        over learns slowly, and what it learns in a few passes serves in all.
    deep : float
        Share of the steps that run every pass, where ``shallow`` is given, 0…½: it rises from 0 in
        the first step to twice that in the last.
    hidden : float
        Share of the words that are hidden behind [MASK], others in each epoch, 0…1.
    smoothing : float
        Share of every label that is spread over all classes, 0…1 (Szegedy et al., arXiv
        1512.00567, section 7).
    seed : int
        Of weights, order, dropout, depth and hidden words.

    Raises
    ------
    ValueError
        A number is out of its range.
    """

    epochs: int = 8
    batch: int = 32
    rate: float = 1e-3
    warm_up: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 10.0
    shallow: int = 0
    deep: float = 0.15
    hidden: float = 0.0
    smoothing: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name, most in (("warm_up", 1), ("deep", 0.5), ("hidden", 1), ("smoothing", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be between 0 and {most}, not {getattr(self, name)}")
        if self.shallow < 0:
            raise ValueError(f"shallow must be at least 0, not {self.shallow}")


def learning_rate(step: int, steps: int, settings: Settings) -> float:
    """The rate of a step, from 0, of so many: up to the highest, then down towards 0."""
    rising = max(1, round(settings.warm_up * steps))
    if step < rising:
        return settings.rate * (step + 1) / rising
    return settings.rate * (steps - step) / max(1, steps - rising)
