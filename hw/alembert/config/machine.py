"""A whole machine: its matrix units, memory, bus and special functions, and what must fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .axi import AxiConfig
from .checks import require_between
from .early_exit import EntropyConfig
from .formats import AdaptivFloatFormat, Format, IntegerFormat
from .gelu import GeluConfig
from .isa import INSTRUCTION_WIDTH
from .layernorm import LayerNormConfig
from .memory import ScratchpadConfig
from .residual import ResidualConfig
from .softmax import SoftmaxConfig
from .tanh import TanhConfig
from .ternary import ActivationQuantiserConfig, RescaleConfig
from .vmac import VmacArrayConfig

__all__ = ["MachineConfig", "SpecialFunctionConfig"]

CODE_WIDTH = 8
"""Bits of a code in memory."""
WIDE_WIDTH = 16
"""Bits of a wide number in memory."""


@dataclass(frozen=True, kw_only=True)
class SpecialFunctionConfig:
    """The special function unit: lanes, longest row, and the fixed-point formats in between.

    Parameters
    ----------
    lanes : int
        Wide numbers a beat, 1…64.
    longest_row : int
        Most values of a row, 2…1024.
    fmt : AdaptivFloatFormat or IntegerFormat
        Codes of operands and results.

    Raises
    ------
    TypeError
        A field is of the wrong kind.
    ValueError
        A field is out of its range.
    """

    lanes: int = 8
    longest_row: int = 1024
    fmt: AdaptivFloatFormat | IntegerFormat = field(default_factory=AdaptivFloatFormat)

    def __post_init__(self) -> None:
        require_between("special function lanes", self.lanes, 1, 64)
        require_between("longest row of a special function", self.longest_row, 2, 1024)
        if not isinstance(self.fmt, AdaptivFloatFormat | IntegerFormat):
            raise TypeError(
                f"special function format must be an AdaptivFloatFormat or an IntegerFormat, "
                f"not {self.fmt!r}"
            )

    @property
    def beats(self) -> int:
        """Beats of the longest row."""
        return max(2, -(-self.longest_row // self.lanes))

    @property
    def softmax(self) -> SoftmaxConfig:
        """Scores of 16 bits, 9 of them fraction, in units of log2."""
        return SoftmaxConfig(lanes=self.lanes, depth=self.beats)

    @property
    def residual(self) -> ResidualConfig:
        """Sums of 18 bits."""
        return ResidualConfig(lanes=self.lanes, fmt=self.fmt)

    @property
    def layernorm(self) -> LayerNormConfig:
        """Half a row more than the longest, which loads while a row's variance is found."""
        return LayerNormConfig(
            lanes=self.lanes,
            width=self.residual.out_width,
            max_length=self.longest_row,
            depth=self.beats + self.beats // 2,
        )

    @property
    def gelu(self) -> GeluConfig:
        """Sums of 16 bits, 11 of them fraction."""
        return GeluConfig(lanes=self.lanes)

    @property
    def tanh(self) -> TanhConfig:
        """Sums of 16 bits, 11 of them fraction."""
        return TanhConfig(lanes=self.lanes)

    @property
    def has_tokens(self) -> bool:
        """Whether results of kind TOKEN, and RESCALE, exist: codes are INT8."""
        return isinstance(self.fmt, IntegerFormat) and self.fmt.width == CODE_WIDTH

    @property
    def quantiser(self) -> ActivationQuantiserConfig:
        """Of results of kind TOKEN; the longest row fits."""
        return ActivationQuantiserConfig(width=WIDE_WIDTH, lanes=self.lanes, depth=self.beats)

    @property
    def rescale(self) -> RescaleConfig:
        """A bit more than a wide number's comes out, so that no sum with a bias of 16 bits
        saturates twice."""
        return RescaleConfig(
            lanes=self.lanes,
            accumulator_width=WIDE_WIDTH,
            max_width=WIDE_WIDTH,
            out_width=WIDE_WIDTH + 1,
        )


@dataclass(frozen=True, kw_only=True)
class MachineConfig:
    """What the top is made of.

    Parameters
    ----------
    main : VmacArrayConfig
        The matrix unit of the linear layers.
    attention : VmacArrayConfig, optional
        One for products of two activations; without it ``main`` computes these too.
    scratchpad : ScratchpadConfig
        On-chip memory. Its word holds a whole number W of codes.
    axi : AxiConfig
        The bus to external memory.
    longest_row : int
        Most values of a row that a special function takes, 2…1024.
    max_classes : int
        Most logits of an early-exit test, 2…1024.
    queue_depth : int
        Instructions that wait at a unit, 1…8.

    Raises
    ------
    TypeError
        A field is of the wrong kind.
    ValueError
        A field is out of its range, or two parts do not fit each other: an array's lanes must be
        whole words of codes, its channels a part of one; activations of both arrays are of one
        format; without an array of its own, attention needs weights of that format too.
    """

    main: VmacArrayConfig
    attention: VmacArrayConfig | None = None
    scratchpad: ScratchpadConfig
    axi: AxiConfig
    longest_row: int = 1024
    max_classes: int = 1024
    queue_depth: int = 2

    def __post_init__(self) -> None:
        for name, kind in (("main", VmacArrayConfig), ("scratchpad", ScratchpadConfig)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(
                    f"machine's {name} must be a {kind.__name__}, not {getattr(self, name)!r}"
                )
        if not isinstance(self.axi, AxiConfig):
            raise TypeError(f"machine's axi must be an AxiConfig, not {self.axi!r}")
        if self.attention is not None and not isinstance(self.attention, VmacArrayConfig):
            raise TypeError(
                f"machine's attention must be a VmacArrayConfig or None, not {self.attention!r}"
            )
        require_between("machine's queue depth", self.queue_depth, 1, 8)
        require_between("machine's longest row", self.longest_row, 2, 1024)
        require_between("machine's classes", self.max_classes, 2, 1024)
        if self.scratchpad.word_width % WIDE_WIDTH:
            raise ValueError(
                f"scratchpad word must be whole numbers of {WIDE_WIDTH} bits, "
                f"not {self.scratchpad.word_width} bits"
            )
        if self.scratchpad.word_width % self.axi.data_width:
            raise ValueError(
                f"scratchpad word ({self.scratchpad.word_width} bits) must be whole beats of the "
                f"bus, not of {self.axi.data_width} bits"
            )
        for name, array in (("main", self.main), ("attention", self.attention)):
            if array is not None:
                self._check_array(name, array)
        if self.products.vmac.pair.weight != self.fmt:
            raise ValueError(
                f"products of activations need weights of {self.fmt}, "
                f"not {self.products.vmac.pair.weight}"
            )

    def _check_array(self, name: str, array: VmacArrayConfig) -> None:
        if array.vmac.lanes % self.word_codes:
            raise ValueError(
                f"lanes of the {name} array must be whole words of {self.word_codes} codes, "
                f"not {array.vmac.lanes}"
            )
        if self.word_codes % array.vmacs:
            raise ValueError(
                f"VMACs of the {name} array must divide the {self.word_codes} codes of a word, "
                f"not {array.vmacs}"
            )
        if array.vmac.pair.activation != self.fmt:
            raise ValueError(
                f"activations of the {name} array must be {self.fmt}, "
                f"not {array.vmac.pair.activation}"
            )

    @property
    def fmt(self) -> Format:
        """The codes' format."""
        return self.main.vmac.pair.activation

    @property
    def products(self) -> VmacArrayConfig:
        """The array that multiplies activations by activations."""
        return self.main if self.attention is None else self.attention

    @property
    def arrays(self) -> tuple[VmacArrayConfig, ...]:
        """The matrix units, as the instructions' ``unit`` counts them."""
        return (self.main,) if self.attention is None else (self.main, self.attention)

    @property
    def word_codes(self) -> int:
        """W, codes in a word."""
        return self.scratchpad.word_width // CODE_WIDTH

    @property
    def word_wides(self) -> int:
        """Wide numbers in a word; the special functions' lanes."""
        return self.scratchpad.word_width // WIDE_WIDTH

    @property
    def word_bytes(self) -> int:
        """Bytes of a word."""
        return self.word_codes

    @property
    def instruction_words(self) -> int:
        """Words of an instruction in memory."""
        return -(-INSTRUCTION_WIDTH // self.scratchpad.word_width)

    @property
    def special(self) -> SpecialFunctionConfig:
        """The special function unit: a wide word a cycle."""
        fmt = self.fmt
        assert isinstance(fmt, AdaptivFloatFormat | IntegerFormat)  # a pair has no other
        return SpecialFunctionConfig(lanes=self.word_wides, longest_row=self.longest_row, fmt=fmt)

    @property
    def entropy(self) -> EntropyConfig:
        """Wide logits with 10 fraction bits."""
        return EntropyConfig(
            max_classes=self.max_classes, logit_width=WIDE_WIDTH, logit_fraction=10
        )

    def weight_beat_words(self, array: VmacArrayConfig) -> int:
        """Words in memory of the V weights of a channel."""
        bits = array.vmac.lanes * array.vmac.pair.weight.width
        return -(-bits // self.scratchpad.word_width)

    @property
    def channel_words(self) -> int:
        """Words in memory of the parameters of a channel, which are 128 bits."""
        return -(-128 // self.scratchpad.word_width)

    def describe(self) -> dict[str, Any]:
        """The configuration in plain values, for the sidecar of the generated Verilog."""
        return {
            "main": self.main.describe(),
            "attention": None if self.attention is None else self.attention.describe(),
            "word_width": self.scratchpad.word_width,
            "words": self.scratchpad.words,
            "banks": self.scratchpad.banks,
            "axi_data_width": self.axi.data_width,
            "axi_address_width": self.axi.address_width,
            "longest_row": self.longest_row,
            "max_classes": self.max_classes,
            "queue_depth": self.queue_depth,
        }
