"""Two vectors of logits on chip: one loads while the other is read back as distances."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.early_exit import EntropyConfig, EntropyFault
from .layouts import Distance, Logit, VectorHead

__all__ = ["LogitBuffer"]


class LogitBuffer(wiring.Component):
    """Keeps a vector until its maximum is known, then gives each logit's distance to it.

    Parameters
    ----------
    config : EntropyConfig
        Depth of a bank (``max_classes``) and width of a logit.

    Members
    -------
    i : In(stream of Logit(config))
        Logits, the vector's last one with ``last``. Beyond ``max_classes`` they are dropped up to
        and including the last.
    threshold : In(config.ENTROPY_WIDTH)
        Sampled on the edge that takes a vector's last logit.
    shift : In(config.SHIFT_WIDTH)
        Steady while distances are sent.
    distances : Out(stream of Distance(config))
        (max − logit) · 2^shift of every class in order; none for a vector with a fault.
    vector : Out(stream of VectorHead(config))
        One beat a vector, valid once its distances are gone. The next vector's distances begin
        after it is taken.

    Attributes
    ----------
    latency : int
        Cycles from the edge that takes a vector's last logit to the first that can take its first
        distance, or its head where it has a fault, if the vector before has left by then.

    Throughput: one logit and one distance a cycle, and one idle cycle between vectors. Reset drops
    both vectors.
    """

    i: stream.Interface
    threshold: Signal
    shift: Signal
    distances: stream.Interface
    vector: stream.Interface

    latency = 3
    fault_latency = 2

    def __init__(self, config: EntropyConfig):
        super().__init__(
            {
                "i": In(stream.Signature(Logit(config))),
                "threshold": In(config.ENTROPY_WIDTH),
                "shift": In(config.SHIFT_WIDTH),
                "distances": Out(stream.Signature(Distance(config))),
                "vector": Out(stream.Signature(VectorHead(config))),
            }
        )
        self._config = config

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        m.submodules.logits = logits = memory.Memory(
            shape=signed(c.logit_width), depth=2 << c.index_width, init=[]
        )
        bank = Signal()  # the bank that loads; the other is read
        loaded = Signal()  # the loading bank holds a whole vector
        head = Signal(VectorHead(c))
        full = Signal()  # head holds a vector, and the bank that is read its logits
        begin = Signal()  # the loaded vector becomes the head
        idle = Signal()  # no distance is left to send
        m.d.comb += begin.eq(loaded & ~full)

        self._load(m, logits.write_port(), bank, loaded, begin, head)
        self._read(m, logits.read_port(), bank, begin, head, idle)

        m.d.comb += [self.vector.payload.eq(head), self.vector.valid.eq(full & idle)]
        with m.If(begin):
            m.d.sync += [bank.eq(~bank), full.eq(1)]
        with m.Elif(self.vector.valid & self.vector.ready):
            m.d.sync += full.eq(0)
        return m

    def _load(
        self,
        m: Module,
        port: memory.WritePort,
        bank: Signal,
        loaded: Signal,
        begin: Signal,
        head: data.View[VectorHead],
    ) -> None:
        """Write logits into the loading bank, track their maximum, hand over on ``begin``."""
        c = self._config
        count = Signal(c.count_width)  # saturates at max_classes + 1
        max_logit, argmax = Signal(signed(c.logit_width)), Signal(c.index_width)
        threshold = Signal(c.ENTROPY_WIDTH)
        room = count < c.max_classes
        too_few, too_many = count == 1, count > c.max_classes
        logit = self.i.payload.logit
        take = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(~loaded),
            port.addr.eq(Cat(count[: c.index_width], bank)),
            port.data.eq(logit),
            port.en.eq(take & room),
        ]
        with m.If(begin):
            sound = ~(too_few | too_many)
            m.d.sync += [
                count.eq(0),
                loaded.eq(0),
                head.argmax.eq(Mux(sound, argmax, 0)),
                head.max_logit.eq(Mux(sound, max_logit, 0)),
                head.num_classes.eq(count),
                head.threshold.eq(threshold),
                head.fault.eq(Mux(too_few, EntropyFault.TOO_FEW_CLASSES, EntropyFault.NONE)),
            ]
            with m.If(too_many):
                m.d.sync += head.fault.eq(EntropyFault.TOO_MANY_CLASSES)
        with m.Elif(take):
            m.d.sync += [
                count.eq(count + (room | (count == c.max_classes))),
                threshold.eq(self.threshold),  # the value at the last logit stays
                loaded.eq(self.i.payload.last),
            ]
            # strictly larger: the first of equal maxima stays
            with m.If((count == 0) | (logit > max_logit)):
                m.d.sync += [max_logit.eq(logit), argmax.eq(count)]

    def _read(
        self,
        m: Module,
        port: memory.ReadPort,
        bank: Signal,
        begin: Signal,
        head: data.View[VectorHead],
        idle: Signal,
    ) -> None:
        """Send the head's distances, once, after ``begin``; a faulted vector has none."""
        c = self._config
        pending = Signal()  # the head's distances have not been looked at yet
        active = Signal()
        index = Signal(c.count_width)
        valid, last = Signal(), Signal()
        advance = ~valid | self.distances.ready  # the memory's output holds while it is stalled
        final = index == head.num_classes - 1
        distance = Signal(c.logit_width)
        m.d.comb += [
            port.addr.eq(Cat(index[: c.index_width], ~bank)),
            port.en.eq(advance),
            active.eq(pending & (head.fault == EntropyFault.NONE)),
            idle.eq(~active & ~valid),
            self.distances.valid.eq(valid),
            self.distances.payload.last.eq(last),
            distance.eq(head.max_logit - port.data),
            self.distances.payload.value.eq(distance << self.shift),
        ]
        with m.If(begin):
            m.d.sync += [pending.eq(1), index.eq(0)]
        with m.If(advance):
            m.d.sync += [valid.eq(active), last.eq(final)]
            with m.If(active):
                m.d.sync += [index.eq(index + 1), pending.eq(~final)]
