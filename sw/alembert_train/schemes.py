"""Number formats while a model learns: forward as the machine rounds, backward straight through.

What a rounding makes of a tensor is used forward; its gradient is taken as if nothing had been
rounded (Bengio et al., arXiv 1308.3432). Weights, INT8 by absmax a channel, AdaptivFloat at the
tensor's own bias (arXiv 1909.13271), ternary by absmean (arXiv 2402.17764) or binary
(arXiv 2310.11453); activations INT8 by absmax a token, or AdaptivFloat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from alembert.config import AdaptivFloatFormat
from torch import Tensor

__all__ = [
    "FLOAT32",
    "SCHEMES",
    "Scheme",
    "round_adaptivfloat",
    "round_binary",
    "round_int8_channels",
    "round_int8_tokens",
    "round_ternary",
]

_ADAPTIVFLOAT = AdaptivFloatFormat()
_INT8_MAX = 127
_LEAST = 1e-5
"""Scales are at least this: a tensor of zeros stays one of zeros."""


def _straight_through(values: Tensor, rounded: Tensor) -> Tensor:
    """``rounded`` forward, the gradient of ``values`` backward."""
    # the difference is 0: what is used forward is rounded to the last bit
    return rounded.detach() + (values - values.detach())


def round_int8_channels(weight: Tensor) -> Tensor:
    """INT8 by absmax of every output channel, [out, in]."""
    scale = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=_LEAST) / _INT8_MAX
    return _straight_through(weight, (weight / scale).round() * scale)


def round_int8_tokens(x: Tensor) -> Tensor:
    """INT8 by absmax of every token, [..., channels]."""
    scale = x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=_LEAST) / _INT8_MAX
    return _straight_through(x, (x / scale).round() * scale)


def round_ternary(weight: Tensor) -> Tensor:
    """{−1, 0, 1} times the mean magnitude γ: clip(round(W / γ), −1, 1) · γ."""
    gamma = weight.detach().abs().mean().clamp(min=_LEAST)
    return _straight_through(weight, (weight / gamma).round().clamp(-1, 1) * gamma)


def round_binary(weight: Tensor) -> Tensor:
    """{−1, 1} times the mean magnitude β, signs about the mean: sign(W − mean W) · β.

    The sign of 0 is 1.
    """
    held = weight.detach()
    beta = held.abs().mean().clamp(min=_LEAST)
    signs = torch.where(held >= held.mean(), 1.0, -1.0)
    return _straight_through(weight, signs * beta)


def round_adaptivfloat(values: Tensor, fmt: AdaptivFloatFormat = _ADAPTIVFLOAT) -> Tensor:
    """AdaptivFloat<n,e> at the bias of the tensor's largest magnitude; numerics.md has the rule."""
    m = fmt.mantissa_width
    held = values.detach()
    magnitude = held.abs()
    largest = magnitude.max()
    if largest == 0:
        return values
    bias = torch.frexp(largest).exponent - 1 - ((1 << fmt.exponent_width) - 1)
    least = torch.ldexp(torch.tensor(1 + 2.0**-m), bias)
    octave = torch.maximum(torch.frexp(magnitude).exponent - 1, bias)
    step = torch.ldexp(torch.ones_like(magnitude), octave - m)
    top = torch.ldexp(torch.tensor(2 - 2.0**-m), bias + ((1 << fmt.exponent_width) - 1))
    rounded = ((magnitude / step).round() * step).clamp(min=least, max=top)
    rounded = torch.where(magnitude < least / 2, 0.0, rounded)
    return _straight_through(values, torch.copysign(rounded, held))


def _as_is(values: Tensor) -> Tensor:
    return values


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """What linear layers of the encoder make of weights and of their inputs.

    Parameters
    ----------
    name : str
    weight : callable
        Of a weight matrix [out, in].
    activation : callable
        Of inputs [..., in].
    """

    name: str
    weight: Callable[[Tensor], Tensor]
    activation: Callable[[Tensor], Tensor]


FLOAT32 = Scheme(name="float32", weight=_as_is, activation=_as_is)

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        FLOAT32,
        Scheme(name="adaptivfloat8_3", weight=round_adaptivfloat, activation=round_adaptivfloat),
        Scheme(name="int8", weight=round_int8_channels, activation=round_int8_tokens),
        Scheme(name="ternary", weight=round_ternary, activation=round_int8_tokens),
        Scheme(name="binary", weight=round_binary, activation=round_int8_tokens),
    )
}
"""By name."""
