"""Passive check of an AXI4 bus: handshakes, bursts, and the answers that belong to them."""

from __future__ import annotations

from collections import deque

import cocotb
from alembert.config.axi import AxiConfig
from cocotb.triggers import RisingEdge

__all__ = ["Checker"]

_ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
_PAYLOADS = {
    "ar": _ADDRESS,
    "aw": _ADDRESS,
    "r": ("id", "data", "resp", "last"),
    "w": ("data", "strb", "last"),
    "b": ("id", "resp"),
}


class Checker:
    """Watches all five channels of ``m_axi``, whoever drives them.

    Valid never drops, payloads stay; bursts are INCR, of full width, no longer than configured, and
    in one page; no client has more under way than configured; WLAST and RLAST are with the
    last beat of what was asked for; a W burst has no gap of the manager's making; a B follows its
    address and its data. Reset forgets everything.

    Parameters
    ----------
    dut : the device
    config : AxiConfig
    clients : int
        IDs that reads may have.
    """

    def __init__(self, dut, config: AxiConfig, clients: int) -> None:
        self._dut = dut
        self._config = config
        self._clients = clients
        self._channels = {
            name: (
                getattr(dut, f"m_axi_{name}valid"),
                getattr(dut, f"m_axi_{name}ready"),
                [getattr(dut, f"m_axi_{name}{field}") for field in fields],
            )
            for name, fields in _PAYLOADS.items()
        }
        self.strict = True
        """Whether answers are checked; not where the memory misbehaves on purpose."""
        self.reads: list[tuple[int, int, int]] = []
        """ID, address and beats of every read burst since the reset."""
        self.writes: list[tuple[int, int]] = []
        """Address and beats of every write burst since the reset."""
        self.data_beats = {"r": 0, "w": 0}
        self._forget()
        cocotb.start_soon(self._watch())

    def _forget(self) -> None:
        self.reads.clear()
        self.writes.clear()
        self._waiting: dict[str, tuple[int, ...]] = {}
        self._expected: list[deque[int]] = [deque() for _ in range(self._clients)]
        self._received = [0] * self._clients
        self._addressed: deque[int] = deque()
        self._sent: deque[int] = deque()
        self._sending = 0
        self._answerable = 0

    @property
    def quiet(self) -> bool:
        """Whether nothing waits on any channel and every burst has been answered."""
        return not (
            self._waiting
            or any(self._expected)
            or self._addressed
            or self._sent
            or self._sending
            or self._answerable
        )

    async def _watch(self) -> None:
        edge = RisingEdge(self._dut.clk)
        rst = self._dut.rst
        while True:
            await edge
            if rst.value:
                self._forget()
                continue
            for name, (valid, ready, fields) in self._channels.items():
                if not valid.value:
                    assert name not in self._waiting, f"{name}: valid fell before ready"
                    assert name != "w" or not self._sending, "w: a gap in a burst"
                    continue
                payload = tuple(int(field.value) for field in fields)
                if name in self._waiting:
                    assert payload == self._waiting[name], f"{name}: payload changed before ready"
                if ready.value:
                    self._waiting.pop(name, None)
                    getattr(self, f"_on_{name}")(*payload)
                else:
                    self._waiting[name] = payload

    def _on_address(self, name: str, address, length, size, *constants) -> int:
        config = self._config
        beats = length + 1
        assert 1 << size == config.beat_bytes, f"{name}: size {size}"
        assert constants == (1, 0, 3, 0, 0), f"{name}: burst, lock, cache, prot, qos {constants}"
        assert beats <= config.max_burst, f"{name}: {beats} beats"
        assert address % config.beat_bytes == 0, f"{name}: address {address:#x}"
        last_byte = address + beats * config.beat_bytes - 1
        assert address // 4096 == last_byte // 4096, f"{name}: {address:#x} × {beats} leaves a page"
        return beats

    def _on_ar(self, number: int, address: int, *rest: int) -> None:
        beats = self._on_address("ar", address, *rest)
        assert number < self._clients, f"ar: ID {number}"
        self._expected[number].append(beats)
        if self.strict:
            waiting = len(self._expected[number])
            assert waiting <= self._config.outstanding, "ar: too many under way"
        self.reads.append((number, address, beats))

    def _on_r(self, number: int, _data: int, _resp: int, last: int) -> None:
        self.data_beats["r"] += 1
        if not self.strict:
            return
        assert self._expected[number], f"r: nothing asked for with ID {number}"
        self._received[number] += 1
        is_last = self._received[number] == self._expected[number][0]
        assert last == is_last, "r: last"
        if is_last:
            self._expected[number].popleft()
            self._received[number] = 0

    def _on_aw(self, number: int, address: int, *rest: int) -> None:
        beats = self._on_address("aw", address, *rest)
        assert number == 0, f"aw: ID {number}"
        self._addressed.append(beats)
        self.writes.append((address, beats))
        self._match()

    def _on_w(self, _data: int, _strobe: int, last: int) -> None:
        self.data_beats["w"] += 1
        self._sending += 1
        if last:
            self._sent.append(self._sending)
            self._sending = 0
            self._match()

    def _match(self) -> None:
        """Data and addresses are in the same order, whichever comes first."""
        while self._addressed and self._sent:
            asked, sent = self._addressed.popleft(), self._sent.popleft()
            assert asked == sent, f"w: {sent} beats, not {asked}"
            self._answerable += 1
        waiting = self._answerable + len(self._addressed)
        assert waiting <= self._config.outstanding, "aw: too many under way"

    def _on_b(self, number: int, _resp: int) -> None:
        if not self.strict:
            return
        assert number == 0
        assert self._answerable, "b: before the burst was complete"
        self._answerable -= 1
