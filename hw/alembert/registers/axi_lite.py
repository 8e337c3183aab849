"""AXI4-Lite: the bus as streams, and its ports under their standard names."""

from __future__ import annotations

import enum

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Member, Out

from ..config.register_fields import REGISTER_BYTES, REGISTER_WIDTH

__all__ = ["AxiLiteBus", "AxiLiteSignature", "Response", "axi_lite_ports", "connect_axi_lite_ports"]


class Response(enum.IntEnum):
    """RRESP and BRESP."""

    OKAY = 0
    SLVERR = 2
    """The register is there, and refused the access; nothing has changed."""
    DECERR = 3
    """There is no register."""


class AxiLiteBus(wiring.PureInterface):
    """What an :class:`AxiLiteSignature` makes."""

    aw: stream.Interface
    w: stream.Interface
    b: stream.Interface
    ar: stream.Interface
    r: stream.Interface


class AxiLiteSignature(wiring.Signature):
    """AXI4-Lite with data of 32 bits, as its manager sees it.

    Parameters
    ----------
    address_width : int
        Bits of a byte address.

    Members
    -------
    aw, ar : Out, streams of {address}
    w : Out, stream of {data, strobe}
        One bit of ``strobe`` a byte of ``data``.
    b : In, stream of {response}
    r : In, stream of {data, response}
    """

    def __init__(self, address_width: int) -> None:
        address = data.StructLayout({"address": address_width})
        write = data.StructLayout({"data": REGISTER_WIDTH, "strobe": REGISTER_BYTES})
        read = data.StructLayout({"data": REGISTER_WIDTH, "response": Response})
        super().__init__(
            {
                "aw": Out(stream.Signature(address)),
                "w": Out(stream.Signature(write)),
                "b": In(stream.Signature(data.StructLayout({"response": Response}))),
                "ar": Out(stream.Signature(address)),
                "r": In(stream.Signature(read)),
            }
        )

    def create(self, *, path: tuple[str | int, ...] = (), src_loc_at: int = 0) -> AxiLiteBus:
        """An interface of this signature."""
        return AxiLiteBus(self, path=path, src_loc_at=1 + src_loc_at)


def axi_lite_ports(address_width: int, *, prefix: str = "s_axi") -> dict[str, Member]:
    """Members of a subordinate's signature under their standard names: ``s_axi_awaddr`` and so on.

    A nested signature's ports would have two underscores in their names, which tools do not
    recognise as AXI. :func:`connect_axi_lite_ports` joins them to a bus.
    """
    ports = {
        "awaddr": In(address_width),
        "awprot": In(3),
        "awvalid": In(1),
        "awready": Out(1),
        "wdata": In(REGISTER_WIDTH),
        "wstrb": In(REGISTER_BYTES),
        "wvalid": In(1),
        "wready": Out(1),
        "bresp": Out(2),
        "bvalid": Out(1),
        "bready": In(1),
        "araddr": In(address_width),
        "arprot": In(3),
        "arvalid": In(1),
        "arready": Out(1),
        "rdata": Out(REGISTER_WIDTH),
        "rresp": Out(2),
        "rvalid": Out(1),
        "rready": In(1),
    }
    return {f"{prefix}_{name}": member for name, member in ports.items()}


def connect_axi_lite_ports(
    m: Module, top: wiring.Component, bus: AxiLiteBus, *, prefix: str = "s_axi"
) -> None:
    """Join the ports of :func:`axi_lite_ports` in ``top`` to the ``bus`` of a part inside.

    AWPROT and ARPROT are not looked at: whoever reaches the registers may use them.
    """

    def port(name: str) -> Signal:
        return getattr(top, f"{prefix}_{name}")

    m.d.comb += [
        bus.aw.payload.address.eq(port("awaddr")),
        bus.aw.valid.eq(port("awvalid")),
        port("awready").eq(bus.aw.ready),
        bus.w.payload.data.eq(port("wdata")),
        bus.w.payload.strobe.eq(port("wstrb")),
        bus.w.valid.eq(port("wvalid")),
        port("wready").eq(bus.w.ready),
        port("bresp").eq(bus.b.payload.response),
        port("bvalid").eq(bus.b.valid),
        bus.b.ready.eq(port("bready")),
        bus.ar.payload.address.eq(port("araddr")),
        bus.ar.valid.eq(port("arvalid")),
        port("arready").eq(bus.ar.ready),
        port("rdata").eq(bus.r.payload.data),
        port("rresp").eq(bus.r.payload.response),
        port("rvalid").eq(bus.r.valid),
        bus.r.ready.eq(port("rready")),
    ]
