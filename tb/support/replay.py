"""Replay: recorded beats into a design's streams, its answers compared word for word.

One cocotb module for every design whose test is data: the words are prepared outside, by golden
models, and written to a file; so are the cycles that it took.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cocotb
from cocotb.task import Task
from cocotb.utils import get_sim_time

from .parameters import parameters
from .streams import PERIOD_NS, Monitor, Sink, Source, start

__all__ = ["Recording", "ReplayResult"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Beats of one run.

    Parameters
    ----------
    inputs : dict
        Words to send, by stream.
    outputs : dict
        Words that must come, by stream, in order.
    ports : dict
        Values of plain input ports, constant for the run.
    after : dict
        Input streams that wait until another has been sent: ``{"i_read": "i_write"}``.
    measure_from : str
        The input stream whose first beat starts the measurement; the last output beat ends it.
    monitors : bool
        Watch the protocol of every stream; off only where simulation speed is measured.
    """

    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    ports: dict[str, int] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    measure_from: str
    monitors: bool = True

    def save(self, path: Path) -> None:
        """Write it as JSON; words as hexadecimal text, which any width fits."""

        def texts(streams: dict[str, list[int]]) -> dict[str, list[str]]:
            return {name: [f"{int(word):x}" for word in words] for name, words in streams.items()}

        content = asdict(self) | {"inputs": texts(self.inputs), "outputs": texts(self.outputs)}
        path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what :meth:`save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        for side in ("inputs", "outputs"):
            content[side] = {
                name: [int(word, 16) for word in words] for name, words in content[side].items()
            }
        return cls(**content)


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """What a replay that matched took.

    Parameters
    ----------
    cycles : int
        From the edge that took the first measured beat to the edge that gave the last output,
        both included.
    words : int
        Output words compared.
    cycles_per_second : float
        Clock cycles simulated a second of this process's processor time.
    """

    cycles: int
    words: int
    cycles_per_second: float

    @classmethod
    def load(cls, path: Path) -> ReplayResult:
        """Read what the replay wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@cocotb.test()
async def replay(dut) -> None:
    """Send every input stream as fast as it is taken; compare every output word."""
    given = parameters()
    recording = Recording.load(Path(given["recording"]))
    await start(dut)
    for name, value in recording.ports.items():
        getattr(dut, name).value = value
    sources = {name: Source(dut, name) for name in recording.inputs}
    sinks = {name: Sink(dut, name) for name in recording.outputs}
    if recording.monitors:
        for name in (*sources, *sinks):
            Monitor(dut, name)
    begin_ns, begin_s = get_sim_time("ns"), time.process_time()
    sending: dict[str, Task] = {}

    async def send(name: str) -> None:
        if name in recording.after:
            await sending[recording.after[name]]
        await sources[name].send(recording.inputs[name])

    for name in recording.inputs:
        sending[name] = cocotb.start_soon(send(name))
    beats = [
        len(words) for side in (recording.inputs, recording.outputs) for words in side.values()
    ]
    limit = 1000 + 20 * max(beats)
    receiving = {
        name: cocotb.start_soon(sinks[name].receive(len(words), timeout_cycles=limit))
        for name, words in recording.outputs.items()
    }
    for name, words in recording.outputs.items():
        got = await receiving[name]
        for beat, (found, want) in enumerate(zip(got, words)):
            assert found == want, f"{name}, beat {beat}: {found:#x}, not {want:#x}"
    for task in sending.values():
        await task
    elapsed_cycles = (get_sim_time("ns") - begin_ns) / PERIOD_NS
    speed = elapsed_cycles / (time.process_time() - begin_s)
    first = sources[recording.measure_from].first_time
    last = max(sink.last_time or 0.0 for sink in sinks.values())
    assert first is not None
    for sink in sinks.values():
        await sink.expect_silence(20)
    result = ReplayResult(
        cycles=round((last - first) / PERIOD_NS) + 1,
        words=sum(map(len, recording.outputs.values())),
        cycles_per_second=speed,
    )
    Path(given["result"]).write_text(json.dumps(asdict(result)), encoding="utf-8")
