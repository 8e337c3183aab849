"""How the pruned share rises while a model learns."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CubicSchedule"]


@dataclass(frozen=True, kw_only=True)
class CubicSchedule:
    """A cubic rise between a warm-up and a cool-down.

    Of n steps, the rise begins with step t₀ = min(round(warm_up · n), n − 1) and has ended with
    step t₁ = max(t₀, n − 1 − round(cool_down · n)), halves to even: the last step has the final
    share whatever the cool-down. Between them, with s_i the initial share and s_f the final one,

        s_t = s_f + (s_i − s_f) · (1 − (t − t₀) / (t₁ − t₀))³.

    Sources: Zhu and Gupta, arXiv 1710.01878, equation 1; warm-up and cool-down as in Sanh et al.,
    arXiv 2005.07683, section 5.

    Parameters
    ----------
    initial : float
        Share until the rise begins, 0…1.
    warm_up, cool_down : float
        Shares of the steps, together at most 1.
    every : int
        Steps between two changes, at least 1: the rise is a staircase.

    Raises
    ------
    ValueError
        A number is out of its range.
    """

    initial: float = 0.0
    warm_up: float = 0.1
    cool_down: float = 0.3
    every: int = 1

    def __post_init__(self) -> None:
        for name in ("initial", "warm_up", "cool_down"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.warm_up + self.cool_down > 1:
            raise ValueError(
                "warm_up and cool_down must be at most 1 together, "
                f"not {self.warm_up} and {self.cool_down}"
            )
        if self.every < 1:
            raise ValueError(f"every must be at least 1, not {self.every}")

    def rise(self, steps: int) -> tuple[int, int]:
        """The step with which the rise begins, and the one with which it has ended.

        Raises
        ------
        ValueError
            There are no steps.
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        begin = min(round(self.warm_up * steps), steps - 1)
        return begin, max(begin, steps - 1 - round(self.cool_down * steps))

    def share(self, step: int, steps: int, final: float) -> float:
        """s of a step, from 0, of so many.

        Raises
        ------
        ValueError
            There is no such step, or no step at all.
        """
        begin, end = self.rise(steps)
        if not 0 <= step < steps:
            raise ValueError(f"step must be between 0 and {steps - 1}, not {step}")
        if step >= end:
            return final
        done = max(0, step - begin) // self.every * self.every
        if done == 0:
            return self.initial
        return final + (self.initial - final) * (1 - done / (end - begin)) ** 3

    def due(self, step: int, steps: int) -> bool:
        """Whether masks are made anew in a step.

        They are in the first one, in every so many from the rise on, with the rise's end, and in
        the last.
        """
        begin, end = self.rise(steps)
        regular = step >= begin and (step - begin) % self.every == 0
        return regular or step in (0, end, steps - 1)
