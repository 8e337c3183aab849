# amaranth: UnusedElaboratable=no
"""Latencies of a machine's parts, as the parts themselves give them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from inspect import signature

from alembert.axi import BurstReader, ReadArbiter
from alembert.command.decoder import Decoder
from alembert.config.isa import Opcode
from alembert.config.machine import MachineConfig
from alembert.config.vmac import VmacArrayConfig
from alembert.early_exit.entropy import EarlyExit
from alembert.matrix.operand import OperandReader
from alembert.matrix.planner import Planner
from alembert.memory import ReadPort, RowReader, Transposer
from alembert.sfu.layernorm import LayerNorm
from alembert.sfu.normaliser import Affine, Normaliser
from alembert.sfu.power import Power
from alembert.sfu.residual import ResidualAdd
from alembert.sfu.row_buffer import RowBuffer
from alembert.sfu.softmax_reductions import RowMaximum, RowReciprocal
from alembert.special.code_lane import CodeLane
from alembert.special.functions import SpecialFunctions
from alembert.special.operands import OperandReaders
from alembert.special.planner import SpecialPlanner
from alembert.ternary.absmax import AbsMax
from alembert.ternary.activation_quantiser import ActivationQuantiser
from alembert.ternary.reciprocal import Reciprocal
from alembert.vmac import MatrixUnit, VmacArray

__all__ = [
    "ARBITER",
    "DECODER",
    "ENTROPY_FIRST",
    "MATRIX_PLAN",
    "OPERANDS",
    "READER",
    "READ_PORT_DEPTH",
    "ROW_BUFFER",
    "ROW_READER",
    "SPECIAL_OPERANDS",
    "SPECIAL_PLAN",
    "TRANSPOSER",
    "ArrayTiming",
    "SpecialTiming",
    "TokenTiming",
    "array_timing",
    "special_timing",
    "token_timing",
]

DECODER = Decoder.latency
READER = BurstReader.latency
ARBITER = ReadArbiter.latency
MATRIX_PLAN = Planner.latency
OPERANDS = OperandReader.latency
SPECIAL_PLAN = SpecialPlanner.latency
SPECIAL_OPERANDS = OperandReaders.latency
ROW_READER = RowReader.latency
ROW_BUFFER = RowBuffer.latency
TRANSPOSER = Transposer.latency
READ_PORT_DEPTH = signature(ReadPort).parameters["depth"].default
"""Words that a port reads ahead."""
ENTROPY_FIRST = 1 + RowReader.latency


@dataclass(frozen=True, kw_only=True)
class ArrayTiming:
    """Of a matrix unit."""

    result: int
    """From a tile's last vector to the result at the output queue."""
    parameters: int
    """From the first vector of a tile's last pass to the edge at which the channels' parameters are
    taken over."""
    min_distance: int
    """From one term of a row to the next."""


@dataclass(frozen=True, kw_only=True)
class SpecialTiming:
    """Of the special functions and of the early-exit test."""

    maximum: int
    powers: int
    reciprocal: int
    products: int
    gelu: int
    tanh: int
    rescale: int
    """0 where there is none."""
    residual: int
    norm_reductions: int
    """From a row's last beat to its root."""
    norm_period: int
    norm_lanes: int
    """From the row buffer to where parameters come in."""
    norm_affine: int
    """From there to the results."""
    codes: int
    wides: int
    test: int
    """Of a test, beyond the number of its classes."""


@dataclass(frozen=True, kw_only=True)
class TokenTiming:
    """Of the quantiser of rows of kind TOKEN."""

    depth: int
    """Beats that it holds."""
    largest: int
    reciprocal: int
    lane: int
    """From a beat that was read to its codes, less a cycle."""


@lru_cache
def array_timing(array: VmacArrayConfig) -> ArrayTiming:
    """The latencies of a matrix unit."""
    chain = VmacArray(array)
    return ArrayTiming(
        result=MatrixUnit(array).latency,
        # a register before the chain, and the sum's way
        parameters=1 + chain.vmacs[0].latency,
        min_distance=chain.min_distance,
    )


@lru_cache
def special_timing(machine: MachineConfig) -> SpecialTiming:
    """The latencies of the special functions."""
    special = machine.special
    functions = SpecialFunctions(machine)
    maximum = RowMaximum(special.softmax).latency
    reciprocal = RowReciprocal(special.softmax).latency
    both = maximum + reciprocal + 2 * ROW_BUFFER + Power.latency
    norm = LayerNorm(special.layernorm)
    lanes, affine = Normaliser(special.layernorm).latency, Affine(special.layernorm).latency
    return SpecialTiming(
        maximum=maximum,
        powers=Power.latency,
        reciprocal=reciprocal,
        products=functions.latency(Opcode.SOFTMAX, 1) - both,
        gelu=functions.latency(Opcode.GELU, 1),
        tanh=functions.latency(Opcode.TANH, 1),
        rescale=functions.latency(Opcode.RESCALE, 1) if special.has_tokens else 0,
        residual=ResidualAdd(special.residual).latency,
        norm_period=norm.period,
        norm_reductions=norm.latency - ROW_BUFFER - lanes - affine,
        norm_lanes=lanes,
        norm_affine=affine,
        # a register, and the encoders
        wides=1,
        codes=1 + CodeLane(special.fmt).latency,
        test=EarlyExit(machine.entropy).latency(1) - 1,
    )


@lru_cache
def token_timing(machine: MachineConfig) -> TokenTiming:
    """The latencies of the quantiser; the machine's codes are INT8."""
    config = machine.special.quantiser
    largest, reciprocal = AbsMax(config).latency, Reciprocal(config).latency
    return TokenTiming(
        depth=config.depth,
        largest=largest,
        reciprocal=reciprocal,
        lane=ActivationQuantiser(config).latency - largest - reciprocal - 1,
    )
