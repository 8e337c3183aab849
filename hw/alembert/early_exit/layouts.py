"""Payloads of the early-exit comparator's streams."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from ..config.early_exit import EntropyConfig, EntropyFault

__all__ = ["Decision", "Distance", "EarlyExitResult", "Logit", "Sums", "VectorHead"]


class Logit(data.StructLayout):
    """One logit of a vector: ``logit`` (signed, ``logit_fraction`` fraction bits), ``last``."""

    def __init__(self, config: EntropyConfig):
        super().__init__({"logit": signed(config.logit_width), "last": 1})


class VectorHead(data.StructLayout):
    """What is known of a vector once its last logit is in.

    Fields: ``argmax``, ``max_logit``, ``num_classes``, ``fault`` (:class:`EntropyFault`) and the
    ``threshold`` it is judged by. With a fault ``argmax`` and ``max_logit`` are 0.
    """

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "argmax": config.index_width,
                "max_logit": signed(config.logit_width),
                "num_classes": config.count_width,
                "fault": EntropyFault,
                "threshold": config.ENTROPY_WIDTH,
            }
        )


class Distance(data.StructLayout):
    """Distance a = (max − logit) · 2^shift ≥ 0 of one class: ``value`` (unsigned), ``last``."""

    def __init__(self, config: EntropyConfig):
        super().__init__({"value": config.shifted_width, "last": 1})


class Sums(data.StructLayout):
    """``sum`` S = Σ e^−a and ``weighted`` V = Σ a·e^−a of one vector, and its ``threshold``."""

    def __init__(self, config: EntropyConfig, *, with_threshold: bool):
        fields = {"sum": config.sum_width, "weighted": config.weighted_width}
        super().__init__(fields | ({"threshold": config.ENTROPY_WIDTH} if with_threshold else {}))


class Decision(data.StructLayout):
    """``exit`` and ``entropy`` (unsigned nats, the threshold's scale) of one vector."""

    def __init__(self, config: EntropyConfig):
        super().__init__({"exit": 1, "entropy": config.ENTROPY_WIDTH})


class EarlyExitResult(data.StructLayout):
    """The comparator's answer to one vector, lowest field first.

    Fields: ``exit``, ``argmax``, ``max_logit`` (signed), ``entropy`` (unsigned nats, the
    threshold's scale), ``num_classes`` and ``fault`` (:class:`EntropyFault`).
    """

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "exit": 1,
                "argmax": config.index_width,
                "max_logit": signed(config.logit_width),
                "entropy": config.ENTROPY_WIDTH,
                "num_classes": config.count_width,
                "fault": EntropyFault,
            }
        )
