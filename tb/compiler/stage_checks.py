"""Every instruction's result of a pass from what the machine itself had before it."""

from __future__ import annotations

import numpy as np
from alembert_compiler.linear_layer import LinearLayer
from alembert_compiler.quantised_model import QuantisedLayer, RescaleLayer
from compiler.quantised_reference import QuantisedReference
from compiler.stage_trace import PassTrace
from numpy.typing import NDArray

__all__ = ["check_classifier", "check_embeddings", "check_masked_head", "check_pass"]

Float64 = NDArray[np.float64]

SIGMA = 2**-6
"""What layer normalisation may be off by, γ of about 1 being part of it."""
GELU_SLACK = 2.0
"""What GELU may be off by, in last bits of its wide results."""


def check_embeddings(seen: PassTrace, reference: QuantisedReference, ids: NDArray) -> None:
    """What enters the first pass."""
    model = reference.model
    if model.mapping is None:  # words and positions leave no trace, but are known
        words, positions = reference.summands(ids)
        real = reference.norm_real(model.embedding_norm, positions, words)
        seen.require_near(seen["first hidden states"], real, SIGMA / model.scales["hidden"])
        return
    expected = reference.linear(model.mapping, seen["embeddings"], model.scales["hidden"])
    seen.require_exact("first hidden states", expected)


def check_pass(seen: PassTrace, reference: QuantisedReference, index: int, x: Float64) -> Float64:
    """A pass, from 0, from the integers that entered it; returns those that left it."""
    layer = reference.model.layer_of(index)
    scales = layer.scales
    _check_attention(seen, reference, layer, x)
    seen.require_near(
        seen["after attention"],
        reference.norm_real(layer.attention_norm, seen["output projection"], x),
        SIGMA / scales["ffn_input"],
    )
    _check_feed_forward(seen, reference, layer)
    found = seen["hidden states"]
    total, ffn_input = seen["feed-forward output"], seen["after attention"]
    seen.require_near(
        found,
        reference.norm_real(layer.output_norm, total, ffn_input),
        SIGMA / scales["output"],
    )
    return found


def _check_feed_forward(
    seen: PassTrace, reference: QuantisedReference, layer: QuantisedLayer
) -> None:
    sums = reference.linear(layer.ffn, seen["after attention"])
    if layer.ffn_rescale is not None:
        seen.require_exact("feed-forward", sums)
        seen.require_tokens("GELU", reference.gelu(sums), GELU_SLACK)
        note, unit = "feed-forward output", layer.scales["ffn_intermediate"]
        _check_rescaled(seen, reference, layer.ffn_output, layer.ffn_rescale, "GELU", note, unit)
        return
    np.testing.assert_array_equal(seen.side_by_side("feed-forward, columns"), sums)
    middle = seen.side_by_side("GELU, columns")
    unit = layer.scales["ffn_intermediate"]
    seen.require_near(middle, reference.gelu(sums) / 2048 / unit, 2**-10 / unit)
    seen.require_exact("feed-forward output", reference.linear(layer.ffn_output, middle))


def _check_rescaled(
    seen: PassTrace,
    reference: QuantisedReference,
    linear: LinearLayer,
    rescale: RescaleLayer,
    tokens: str,
    note: str,
    scale: Float64,
) -> None:
    """Sums exactly; rescaled ones to their rounding, and 16 significant bits of their factor."""
    sums = seen.side_by_side(f"{note}, sums from")
    np.testing.assert_array_equal(sums, reference.linear(linear, seen[tokens]))
    assert np.abs(sums).max() < 32767  # room was left
    largest = seen[f"{tokens}, largest"]
    real = reference.rescaled_real(linear, rescale, sums, largest, scale)
    found = seen.side_by_side(f"{note}, rescaled from")
    slack = 0.5 + 2.0**-16 * np.abs(real - rescale.bias) + 1e-6
    assert (np.abs(found - np.clip(real, -32768, 32767)) <= slack).all()
    assert np.abs(found).max() < 32767
    seen.seen[note] = found


def _check_attention(
    seen: PassTrace, reference: QuantisedReference, layer: QuantisedLayer, x: Float64
) -> None:
    rescale = layer.attention_rescale
    scales, size = layer.scales, reference.model.config.head_size
    seen.require_exact("query", reference.linear(layer.query, x, scales["query"]))
    seen.require_exact("key", reference.linear(layer.key, x, scales["key"]))
    value = reference.linear(layer.value, x, scales["value"])
    seen.require_exact("value", np.swapaxes(value, -1, -2))
    contexts = []
    for head, span in enumerate(layer.spans):
        part = slice(head * size, (head + 1) * size)
        unit = (scales["query"] * scales["key"])[part]
        np.testing.assert_allclose(unit, unit[0], rtol=1e-12)
        scores = seen["query"][..., part] @ np.swapaxes(seen["key"][..., part], -1, -2)
        seen.require_exact(f"scores of head {head}", reference.wide(512 * unit[0] * scores))
        found, scale = seen[f"probabilities of head {head}"], scales["probabilities"][head]
        real = reference.softmax(seen[f"scores of head {head}"], span)
        seen.require_near(found, real / scale, 2**-9 / scale)
        assert not found[real == 0].any()  # a masked key has no part at all
        factor = scale * scales["value"][part] / scales["context"][part]
        context = found @ value[..., part] * factor
        context = (reference.product if rescale is None else reference.wide)(context)
        seen.require_exact(f"context of head {head}", context)
        contexts.append(seen[f"context of head {head}"])
    context = np.concatenate(contexts, axis=-1)
    if rescale is not None:
        seen.require_tokens("contexts", context)
        note, unit = "output projection", scales["context"]
        dense = layer.attention_dense
        _check_rescaled(seen, reference, dense, rescale, "contexts", note, unit)
        return
    seen.require_exact("output projection", reference.linear(layer.attention_dense, context))


def check_masked_head(
    seen: PassTrace, reference: QuantisedReference, index: int, chosen: Float64
) -> None:
    """The masked-language head behind a pass, from the targets' hidden integers."""
    head = reference.model.off_ramp_of(index).masked
    assert head is not None
    seen.require_exact("the head's dense layer", reference.linear(head.dense, chosen))
    dense = seen["the head's GELU"]
    assert np.abs(dense - reference.gelu(seen["the head's dense layer"])).max() <= 2
    real = reference.norm_real(head.norm, dense, None)
    normalised = seen["the head's normalisation"]
    scale = reference.model.scales["head_normalised"]
    seen.require_near(normalised, real, SIGMA / scale)
    seen.require_exact("logits", reference.linear(head.decoder, normalised))


def check_classifier(
    seen: PassTrace, reference: QuantisedReference, index: int, first: Float64
) -> None:
    """A classifier behind a pass, with or without a pooler, from token 0's hidden integers."""
    off_ramp = reference.model.off_ramp_of(index)
    assert off_ramp.classifier is not None
    if off_ramp.pooler is not None:
        seen.require_exact(
            "the pooler's dense layer", reference.linear(off_ramp.pooler.dense, first)
        )
        scale = float(reference.model.scales["pooled"][0])
        real = reference.tanh(seen["the pooler's dense layer"]) / 2048 / scale
        first = seen["the pooler's tanh"]
        seen.require_near(first, real, 1.5 / 2048 / scale)
        assert np.abs(first).max() > 0.5 / scale  # and not all about zero
    seen.require_exact("logits", reference.linear(off_ramp.classifier, first))
