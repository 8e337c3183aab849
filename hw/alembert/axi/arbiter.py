"""Several readers at one bus, told apart by their IDs."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.axi import AxiConfig, AxiFault
from ..config.checks import require_between
from .layouts import ReadBus, ReadSignature

__all__ = ["ReadArbiter"]


class ReadArbiter(wiring.Component):
    """Gives the bus to the clients in turn, a burst each; ARID is the client's index.

    R is routed by RID, so that bursts of different clients may come back in any order, beat by
    beat. Clients are always ready for what they asked for: R passes a register and never waits.

    Parameters
    ----------
    config : AxiConfig
        Widths.
    clients : int
        Clients, 1…64; at most 2^id_width.

    Members
    -------
    clients : In, ReadSignature without ID, one for each client
    bus : Out, ReadSignature with ID
    idle : Out
        No address waits here. What is under way beyond, the clients' own ``idle`` tells. There is
        no ``drain``: what a client has begun is carried out; one that drains begins nothing.
    fault : Out, AxiFault
        PROTOCOL: a beat came with the ID of no client, and was dropped.

    Latency: ``latency`` cycles for an address, as many for a beat. Throughput: a burst and a beat a
    cycle. Reset: drops the address that waits; only while all clients are idle. Errors: ``fault``.
    """

    clients: list[ReadBus]
    bus: ReadBus
    idle: Signal
    fault: Signal

    latency = 1

    def __init__(self, config: AxiConfig, clients: int) -> None:
        require_between("AXI read clients", clients, 1, 64)
        if clients > 1 << config.id_width:
            raise ValueError(
                f"AXI read clients must be at most {1 << config.id_width}, "
                f"for IDs of {config.id_width} bits, not {clients}"
            )
        self._count = clients
        super().__init__(
            {
                "clients": In(ReadSignature(config, with_id=False)).array(clients),
                "bus": Out(ReadSignature(config, with_id=True)),
                "idle": Out(1),
                "fault": Out(AxiFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        ar = self.bus.ar
        requests = Signal(self._count)
        chosen, previous = (
            Signal(range(max(2, self._count)), name=name) for name in ("chosen", "previous")
        )
        grant = Signal()
        m.d.comb += [
            requests.eq(Cat(client.ar.valid for client in self.clients)),
            grant.eq(requests.any() & (~ar.valid | ar.ready)),
            self.idle.eq(~ar.valid & ~requests.any()),
        ]
        with m.Switch(previous):
            for turn in range(self._count):
                with m.Case(turn):
                    # the one that has just been served comes last
                    for distance in range(self._count, 0, -1):
                        client = (turn + distance) % self._count
                        with m.If(requests[client]):
                            m.d.comb += chosen.eq(client)
        with m.If(ar.ready):
            m.d.sync += ar.valid.eq(0)
        with m.If(grant):
            m.d.sync += [
                previous.eq(chosen),
                ar.valid.eq(1),
                ar.payload.id.eq(chosen),
                ar.payload.address.eq(Array(c.ar.payload.address for c in self.clients)[chosen]),
                ar.payload.length.eq(Array(c.ar.payload.length for c in self.clients)[chosen]),
            ]
        for index, client in enumerate(self.clients):
            m.d.comb += client.ar.ready.eq(grant & (chosen == index))
        self._route(m)
        return m

    def _route(self, m: Module) -> None:
        """A register, and each beat to the client that its ID names."""
        beat, valid = Signal.like(self.bus.r.payload, name="beat"), Signal()
        m.d.sync += [valid.eq(self.bus.r.valid), beat.eq(self.bus.r.payload)]
        for index, client in enumerate(self.clients):
            m.d.comb += [
                client.r.valid.eq(valid & (beat.id == index)),
                client.r.payload.data.eq(beat.data),
                client.r.payload.resp.eq(beat.resp),
                client.r.payload.last.eq(beat.last),
            ]
        with m.If(valid & (beat.id >= self._count)):
            m.d.sync += self.fault.eq(AxiFault.PROTOCOL)
