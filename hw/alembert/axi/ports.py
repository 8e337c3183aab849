"""AXI4 under its standard names: flat ports for a top, and what joins them to the buses inside."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out
from amaranth.utils import exact_log2

from ..config.axi import AxiConfig
from .layouts import ReadBus, WriteBus

__all__ = ["connect_read_ports", "connect_write_ports", "read_ports", "write_ports"]

_INCR = 0b01
_CACHE = 0b0011
"""Normal, non-cacheable, bufferable memory."""
_PROT = 0b000
"""Data, secure, unprivileged."""


def _address_ports(config: AxiConfig, channel: str) -> dict[str, Member]:
    return {
        f"{channel}id": Out(config.id_width),
        f"{channel}addr": Out(config.address_width),
        f"{channel}len": Out(8),
        f"{channel}size": Out(3),
        f"{channel}burst": Out(2),
        f"{channel}lock": Out(1),
        f"{channel}cache": Out(4),
        f"{channel}prot": Out(3),
        f"{channel}qos": Out(4),
        f"{channel}valid": Out(1),
        f"{channel}ready": In(1),
    }


def read_ports(config: AxiConfig, *, prefix: str = "m_axi") -> dict[str, Member]:
    """Members of a top's signature for AR and R: ``m_axi_araddr`` and so on.

    A nested signature's ports would have two underscores in their names, which tools do not
    recognise as AXI. :func:`connect_read_ports` drives them.
    """
    ports = _address_ports(config, "ar") | {
        "rid": In(config.id_width),
        "rdata": In(config.data_width),
        "rresp": In(2),
        "rlast": In(1),
        "rvalid": In(1),
        "rready": Out(1),
    }
    return {f"{prefix}_{name}": member for name, member in ports.items()}


def write_ports(config: AxiConfig, *, prefix: str = "m_axi") -> dict[str, Member]:
    """Members of a top's signature for AW, W and B; see :func:`read_ports`."""
    ports = _address_ports(config, "aw") | {
        "wdata": Out(config.data_width),
        "wstrb": Out(config.beat_bytes),
        "wlast": Out(1),
        "wvalid": Out(1),
        "wready": In(1),
        "bid": In(config.id_width),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
    }
    return {f"{prefix}_{name}": member for name, member in ports.items()}


class _Ports:
    """The ports of one prefix, by their names in the standard."""

    def __init__(self, top: wiring.Component, prefix: str) -> None:
        self._top = top
        self._prefix = prefix

    def __getitem__(self, name: str) -> Signal:
        return getattr(self._top, f"{self._prefix}_{name}")


def _connect_address(
    m: Module, ports: _Ports, channel: str, bus: stream.Interface, config: AxiConfig
) -> None:
    m.d.comb += [
        ports[f"{channel}addr"].eq(bus.payload.address),
        ports[f"{channel}len"].eq(bus.payload.length),
        ports[f"{channel}size"].eq(exact_log2(config.beat_bytes)),
        ports[f"{channel}burst"].eq(_INCR),
        ports[f"{channel}lock"].eq(0),
        ports[f"{channel}cache"].eq(_CACHE),
        ports[f"{channel}prot"].eq(_PROT),
        ports[f"{channel}qos"].eq(0),
        ports[f"{channel}valid"].eq(bus.valid),
        bus.ready.eq(ports[f"{channel}ready"]),
    ]


def connect_read_ports(
    m: Module, top: wiring.Component, bus: ReadBus, config: AxiConfig, *, prefix: str = "m_axi"
) -> None:
    """Join the ports of :func:`read_ports` in ``top`` to ``bus``, a ReadSignature with ID.

    Bursts are INCR and full width; LOCK and QOS are 0, CACHE 0b0011, PROT 0b000; RREADY is 1.
    """
    ports = _Ports(top, prefix)
    _connect_address(m, ports, "ar", bus.ar, config)
    m.d.comb += [
        ports["arid"].eq(bus.ar.payload.id),
        bus.r.payload.id.eq(ports["rid"]),
        bus.r.payload.data.eq(ports["rdata"]),
        bus.r.payload.resp.eq(ports["rresp"]),
        bus.r.payload.last.eq(ports["rlast"]),
        bus.r.valid.eq(ports["rvalid"]),
        ports["rready"].eq(1),
    ]


def connect_write_ports(
    m: Module, top: wiring.Component, bus: WriteBus, config: AxiConfig, *, prefix: str = "m_axi"
) -> None:
    """Join the ports of :func:`write_ports` in ``top`` to ``bus``, a WriteSignature.

    As for reads; AWID is 0, BID is not looked at, BREADY is 1.
    """
    ports = _Ports(top, prefix)
    _connect_address(m, ports, "aw", bus.aw, config)
    m.d.comb += [
        ports["awid"].eq(0),
        ports["wdata"].eq(bus.w.payload.data),
        ports["wstrb"].eq(bus.w.payload.strobe),
        ports["wlast"].eq(bus.w.payload.last),
        ports["wvalid"].eq(bus.w.valid),
        bus.w.ready.eq(ports["wready"]),
        bus.b.payload.resp.eq(ports["bresp"]),
        bus.b.valid.eq(ports["bvalid"]),
        ports["bready"].eq(1),
    ]
