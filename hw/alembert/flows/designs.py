# amaranth: UnusedElaboratable=no
"""What a preset consists of: its designs, each a component and the configuration behind it."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from amaranth.lib import wiring

from ..adaptivfloat.quantiser import Quantiser
from ..config import (
    PRESETS,
    AdaptivFloatFormat,
    Format,
    FormatPair,
    IntegerFormat,
    Preset,
    TernaryFormat,
    VmacArrayConfig,
    VmacConfig,
)
from ..config.adaptivfloat import QuantiserConfig
from ..config.early_exit import EntropyConfig
from ..config.ternary import (
    ActivationQuantiserConfig,
    Packing,
    RescaleConfig,
    WeightMemoryConfig,
)
from ..early_exit.entropy import EarlyExit
from ..machine import Alembert, units_of_top
from ..sfu.gelu import Gelu
from ..sfu.layernorm import LayerNorm
from ..sfu.residual import ResidualAdd
from ..sfu.softmax import Softmax
from ..sfu.tanh import Tanh
from ..ternary.activation_quantiser import ActivationQuantiser
from ..ternary.rescale import Rescale
from ..ternary.weight_memory import WeightMemory
from ..vmac.matrix_unit import MatrixUnit
from ..vmac.vmac import Vmac
from .identifiers import require_identifier
from .verilog import digest, generate_verilog

__all__ = ["VMAC_FORMATS", "Design", "designs", "format_pair", "vmac_design"]

VMAC_FORMATS = ("adaptivfloat8_3", "int8", "int8_int4", "ternary")
"""The format pairs whose areas are compared, by slug."""

_MACHINE = "alembert"
"""The design that is the whole machine."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """A component to generate, under its name.

    Parameters
    ----------
    name : str
        What it is.
    component : callable
        Makes the component; one call a generation.
    config : dict
        The configuration in plain values, for the sidecar.
    macs : int
        Multiplications a cycle, 0 where that is no measure of the design.
    units : tuple of str
        Submodules by which its area is broken down, by their paths below the top.
    suffix : str
        What tells it from designs of the same name, e.g. its preset.
    prefix : str
        What the names of its modules and files begin with.
    """

    name: str
    component: Callable[[], wiring.Component]
    config: dict[str, Any]
    macs: int = 0
    units: tuple[str, ...] = ()
    suffix: str = ""
    prefix: str = ""

    @property
    def stem(self) -> str:
        """Its files' name."""
        return f"{self.prefix}{self.name}"

    @property
    def top(self) -> str:
        """Its top module; the names of all its other modules begin with this one."""
        return f"{self.stem}{self.suffix}"

    @property
    def unit_modules(self) -> dict[str, str]:
        """Modules of its Verilog by which its area is broken down, by what they are called."""
        return {
            path.rpartition(".")[2]: f"{self.top}_{path.replace('.', '_')}" for path in self.units
        }

    @property
    def origin(self) -> str:
        """What its Verilog says of where it comes from."""
        return f"Design {self.name}, configuration {digest(self.config)}."

    def verilog(self) -> str:
        """The design's text."""
        return generate_verilog(self.component(), name=self.top, origin=self.origin)


def designs(preset: Preset, *, prefix: str = "") -> list[Design]:
    """The designs of a preset: the whole machine, then its parts, widest matrix unit first.

    Widths and lanes follow from the machine: what feeds an array is V lanes wide, what its
    results go through C lanes. A top module is named after its design and its preset, so that no
    module's name has two meanings; a preset that is not one of :data:`alembert.config.PRESETS`
    has a digest of its configuration there, too.

    Parameters
    ----------
    preset : Preset
        The machine.
    prefix : str
        What names of modules and files begin with, for two machines in one project.

    Raises
    ------
    ValueError
        The prefix or the preset's name is not legal in a name of Verilog and VHDL.
    """
    require_identifier("prefix", f"{prefix}{_MACHINE}")
    require_identifier("name of a preset", preset.name)
    suffix = f"_{preset.name}"
    published = PRESETS.get(preset.name)
    if published is None or published.machine != preset.machine:
        suffix += f"_{digest(repr(preset.machine))}"
    return [replace(part, prefix=prefix, suffix=suffix) for part in _parts(preset)]


def _parts(preset: Preset) -> list[Design]:
    machine = preset.machine
    found = [
        Design(
            name=_MACHINE,
            component=lambda: Alembert(machine),
            config=machine.describe(),
            macs=preset.macs,
            units=units_of_top(machine),
        )
    ]
    found += [_matrix_unit(name, array) for name, array in preset.arrays.items()]
    vmac = preset.main_array.vmac
    if isinstance(vmac.pair.activation, AdaptivFloatFormat):
        quantiser = QuantiserConfig(
            fmt=vmac.pair.activation,
            lanes=preset.main_array.vmacs,
            width=24,
            depth=max(2, vmac.rows),
        )
        found.append(_design("adaptivfloat_quantiser", Quantiser, quantiser))
    if isinstance(vmac.pair.weight, TernaryFormat):
        found += _ternary_parts(preset.main_array)
    special = machine.special
    found += [
        _design("softmax", Softmax, special.softmax),
        _design("residual_add", ResidualAdd, special.residual),
        _design("layer_norm", LayerNorm, special.layernorm),
        _design("gelu", Gelu, special.gelu),
        _design("tanh", Tanh, special.tanh),
    ]
    entropy = EntropyConfig(max_classes=machine.max_classes)
    found.append(_design("early_exit", EarlyExit, entropy))
    return found


def vmac_design(config: VmacConfig) -> Design:
    """One VMAC by itself, the element that area figures compare."""
    name = f"vmac{config.lanes}_{config.pair.slug}"
    return _design(name, Vmac, config, macs=config.lanes)


def _matrix_unit(name: str, array: VmacArrayConfig) -> Design:
    return Design(
        name=name,
        component=lambda: MatrixUnit(array),
        config=array.describe(),
        macs=array.macs,
    )


def _ternary_parts(array: VmacArrayConfig) -> list[Design]:
    vmac = array.vmac
    memory = WeightMemoryConfig(lanes=vmac.lanes, packing=Packing.FIVE_TRITS)
    quantiser = ActivationQuantiserConfig(lanes=array.vmacs)
    rescale = RescaleConfig(lanes=array.vmacs, accumulator_width=vmac.accumulator_width)
    return [
        _design("ternary_weight_memory", WeightMemory, memory),
        _design("activation_quantiser", ActivationQuantiser, quantiser),
        _design("rescale", Rescale, rescale),
    ]


def _design(name: str, kind: Callable[[Any], wiring.Component], config: Any, macs: int = 0):
    return Design(name=name, component=lambda: kind(config), config=_plain(config), macs=macs)


def _plain(value: Any) -> Any:
    """A parameter object in values that JSON has; a format goes by its name."""
    if isinstance(value, Format):
        return str(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value.value if isinstance(value, enum.Enum) else value


_ADAPTIVFLOAT = re.compile(r"adaptivfloat(\d+)_(\d+)")
_INTEGER = re.compile(r"int(\d+)(?:_int(\d+))?")


def format_pair(slug: str) -> FormatPair:
    """The pair of formats called ``slug``; the inverse of :attr:`FormatPair.slug`.

    Raises
    ------
    ValueError
        There is no such pair.
    """
    if slug == "ternary":
        return FormatPair(activation=IntegerFormat(), weight=TernaryFormat())
    if match := _ADAPTIVFLOAT.fullmatch(slug):
        fmt = AdaptivFloatFormat(width=int(match[1]), exponent_width=int(match[2]))
        return FormatPair(activation=fmt, weight=fmt)
    if match := _INTEGER.fullmatch(slug):
        widths = int(match[1]), int(match[2] or match[1])
        activation, weight = (IntegerFormat(width=width) for width in widths)
        return FormatPair(activation=activation, weight=weight)
    raise ValueError(
        f"VMAC format must be adaptivfloat<n>_<e>, int8, int8_int4 or ternary, not {slug!r}"
    )
