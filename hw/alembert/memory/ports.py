"""How a unit and the scratchpad meet: a port to read and a port to write."""

from __future__ import annotations

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.memory import ScratchpadConfig

__all__ = ["read_signature", "write_signature"]


def read_signature(config: ScratchpadConfig) -> wiring.Signature:
    """A port to read one word a request, as the unit sees it; the scratchpad has it as ``In``.

    Members
    -------
    request : Out, stream of {address}
        Which word.
    response : In, {valid, data}
        The words, in order, each exactly ``Scratchpad.read_latency`` cycles after its request.
        Nothing holds them up: who asks has room.
    """
    request = data.StructLayout({"address": config.address_width})
    response = wiring.Signature({"valid": Out(1), "data": Out(config.word_width)})
    return wiring.Signature(
        {
            "request": Out(stream.Signature(request)),
            "response": In(response),
        }
    )


def write_signature(config: ScratchpadConfig) -> stream.Signature:
    """A stream of {address, data, mask}; bit k of the mask lets code k, bits 8k…8k + 7, in."""
    return stream.Signature(
        data.StructLayout(
            {"address": config.address_width, "data": config.word_width, "mask": config.codes}
        )
    )
