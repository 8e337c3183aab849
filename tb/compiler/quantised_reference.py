"""What a quantised model computes, in float64: functions are exact, and codes and wide numbers are
rounded where the machine rounds them."""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat, IntegerFormat
from alembert_compiler.code_grid import nearest
from alembert_compiler.float_functions import erf
from alembert_compiler.linear_layer import LinearLayer
from alembert_compiler.norm_layer import NormLayer
from alembert_compiler.quantised_model import QuantisedModel, RescaleLayer
from alembert_golden.vmac import integers
from numpy.typing import ArrayLike, NDArray

__all__ = ["QuantisedReference"]

Float64 = NDArray[np.float64]


class QuantisedReference:
    """A model in float64 from its codes.

    Codes are held as the integers that they stand for, wide numbers as integers, as in the
    machine; but what a special function makes of them is rounded once, at its end.
    """

    def __init__(self, quantised: QuantisedModel) -> None:
        self.model = quantised
        fmt = quantised.machine.fmt
        assert isinstance(fmt, AdaptivFloatFormat | IntegerFormat)
        self.fmt = fmt
        self.mantissa = self.fmt.mantissa_width if isinstance(self.fmt, AdaptivFloatFormat) else 0
        self._weights: dict[str, Float64] = {}

    def linear(self, layer: LinearLayer, x: Float64, scale: Float64 | float = 1.0) -> Float64:
        """Integers to integers of codes of a scale, or to wide numbers."""
        if layer.name not in self._weights:
            fmt = self.model.machine.main.vmac.pair.weight
            self._weights[layer.name] = integers(layer.codes, fmt).astype(np.float64)
        sums = x @ self._weights[layer.name] + layer.parameters.bias
        if layer.fraction is None:
            return self.product(sums * layer.unit / scale)
        return self.wide(np.ldexp(sums * layer.unit, layer.fraction))

    def rescaled_real(
        self,
        linear: LinearLayer,
        rescale: RescaleLayer,
        wide: Float64,
        largest: Float64,
        scale: Float64,
    ) -> Float64:
        """Wide sums of codes with a scale a token, to wide numbers before they are rounded.

        Codes are 127 parts of ``largest``, and that stands for as many times ``scale``.
        """
        assert linear.fraction is not None
        real = np.ldexp(wide, -linear.fraction) * largest * scale[0] / 127
        return np.ldexp(real, rescale.fraction) + rescale.bias

    def tokens(self, values: Float64) -> tuple[Float64, Float64]:
        """Integers to codes with a scale a token, and what these are 127 parts of."""
        largest = np.abs(values).max(axis=-1, keepdims=True)
        return np.rint(127 * values / np.maximum(largest, 1)), largest

    def summed(
        self, linear: LinearLayer, rescale: RescaleLayer | None, x: Float64, scale: Float64
    ) -> Float64:
        """What is normalised: of integers of codes, or of wide numbers to be scaled by row."""
        if rescale is None:
            return self.linear(linear, x)
        codes, largest = self.tokens(x)
        sums = self.linear(linear, codes)
        return self.wide(self.rescaled_real(linear, rescale, sums, largest, scale))

    def product(self, values: Float64) -> Float64:
        """Integers of codes of a matrix unit's results: INT8's reach −128."""
        if isinstance(self.fmt, AdaptivFloatFormat):
            return nearest(values, self.fmt)
        return np.clip(np.rint(values), self.fmt.min_value, self.fmt.max_value)

    def wide(self, values: Float64) -> Float64:
        """16 bits."""
        return np.clip(np.rint(values), -32768, 32767)

    def encode(self, values: Float64, exponent: ArrayLike) -> Float64:
        """Integers of codes of a special function's values, by its instruction's exponent."""
        power = np.asarray(exponent) + self.mantissa
        return nearest(np.ldexp(values, power), self.fmt)

    def norm(self, layer: NormLayer, a: Float64 | None, b: Float64 | None) -> Float64:
        """Wide numbers and integers of codes to integers of codes."""
        return nearest(self.norm_real(layer, a, b), self.fmt)

    def norm_real(self, layer: NormLayer, a: Float64 | None, b: Float64 | None) -> Float64:
        """The same before codes are rounded."""
        x = np.zeros(1) if a is None else a
        if b is not None:
            x = x + np.rint(b * layer.b_multiplier / 2.0**layer.shift)
        x = np.clip(x, -(1 << 17), (1 << 17) - 1)
        n = x.shape[-1]
        variance = x.var(axis=-1, keepdims=True) + layer.epsilon / n**2
        normal = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(np.maximum(variance, 1e-300))
        special = self.model.machine.special.layernorm
        gamma = np.ldexp(layer.gamma, special.out_fraction - special.gamma_fraction)
        return np.ldexp(self.wide(normal * gamma + layer.beta), layer.exponent + self.mantissa)

    def gelu(self, values: Float64) -> Float64:
        """Wide numbers of 11 fraction bits to real numbers of the same unit."""
        return values * 0.5 * (1 + erf(values / 2048 * np.sqrt(0.5)))

    def tanh(self, values: Float64) -> Float64:
        """Wide numbers of 11 fraction bits to real numbers of the same unit."""
        return 2048 * np.tanh(values / 2048)

    def summands(self, ids: NDArray[np.int64]) -> tuple[Float64, Float64]:
        """Integers of the words' codes, and wide positions, [B, T, E]."""
        words = integers(self.model.words, self.fmt)[ids].astype(np.float64)
        positions = self.model.positions[: ids.shape[-1]].astype(np.float64)
        return words, np.broadcast_to(positions, words.shape)

    def embed(self, ids: NDArray[np.int64]) -> Float64:
        """Token ids [B, T] to hidden integers."""
        model, (words, positions) = self.model, self.summands(ids)
        embedded = self.norm(model.embedding_norm, positions, words)
        if model.mapping is None:
            return embedded
        return self.linear(model.mapping, embedded, model.scales["hidden"])

    def pass_(self, x: Float64, index: int) -> Float64:
        """Hidden integers [B, T, H] through pass ``index``, from 0."""
        layer = self.model.layer_of(index)
        scales, heads = layer.scales, self.model.config.num_attention_heads

        def split(y: Float64) -> Float64:  # [B, N, T, d]
            return np.swapaxes(y.reshape(*y.shape[:-1], heads, -1), -3, -2)

        query = split(self.linear(layer.query, x, scales["query"]))
        key = split(self.linear(layer.key, x, scales["key"]))
        value = split(self.linear(layer.value, x, scales["value"]))
        unit = (scales["query"] * scales["key"]).reshape(heads, -1)[:, 0]
        scores = self.wide(512 * unit[:, None, None] * (query @ np.swapaxes(key, -1, -2)))
        probabilities = np.stack(
            [self.softmax(scores[:, head], layer.spans[head]) for head in range(heads)], axis=1
        )
        octave = np.asarray(layer.probability_exponents)[:, None, None]
        probabilities = self.encode(probabilities * 32768, octave)
        factor = (scales["value"] / scales["context"]).reshape(heads, 1, -1)
        factor = factor * scales["probabilities"][:, None, None]
        rescale = layer.attention_rescale
        context = probabilities @ value * factor
        context = self.product(context) if rescale is None else self.wide(context)
        context = np.swapaxes(context, -3, -2).reshape(*x.shape[:-1], -1)
        total = self.summed(layer.attention_dense, rescale, context, scales["context"])
        ffn_input = self.norm(layer.attention_norm, total, x)
        middle, rescale = self.gelu(self.linear(layer.ffn, ffn_input)), layer.ffn_rescale
        if rescale is None:
            assert layer.gelu is not None
            middle = self.encode(middle, layer.gelu.exponent + layer.gelu.lifts)
        else:
            middle = self.wide(middle)
        total = self.summed(layer.ffn_output, rescale, middle, scales["ffn_intermediate"])
        return self.norm(layer.output_norm, total, ffn_input)

    def softmax(self, scores: Float64, span: int) -> Float64:
        """Wide scores [..., T, T] to probabilities; keys at a distance of the span have none."""
        length = scores.shape[-1]
        far = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) >= (span or length)
        scores = np.where(far, -np.inf, scores)
        powers = np.exp2((scores - scores.max(axis=-1, keepdims=True)) / 512)
        return powers / powers.sum(axis=-1, keepdims=True)

    def logits(self, x: Float64, index: int) -> Float64:
        """Hidden integers [..., H] behind a pass, from 0, to wide logits of 10 fraction bits."""
        head = self.model.off_ramp_of(index).masked
        assert head is not None
        dense = self.wide(self.gelu(self.linear(head.dense, x)))
        return self.linear(head.decoder, self.norm(head.norm, dense, None))

    def class_logits(self, x: Float64, index: int) -> Float64:
        """The same of a classifier, of hidden integers [..., H] of token 0."""
        off_ramp = self.model.off_ramp_of(index)
        assert off_ramp.classifier is not None
        if off_ramp.pooler is not None:
            pooled = self.tanh(self.linear(off_ramp.pooler.dense, x))
            x = self.encode(pooled, off_ramp.pooler.exponent)
        return self.linear(off_ramp.classifier, x)
