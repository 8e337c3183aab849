"""What an area measurement yields, and its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rich.table import Table

__all__ = ["AreaReport", "CellCounts", "area_table"]


@dataclass(frozen=True, kw_only=True)
class CellCounts:
    """ECP5 cells of a design mapped by one recipe.

    Parameters
    ----------
    lut4 : int
        LUT4, four-input look-up tables.
    ccu2c : int
        CCU2C, two bits of carry chain each.
    dpr16 : int
        TRELLIS_DPR16X4, distributed memories of 16 × 4 bits.
    flip_flops : int
        TRELLIS_FF.
    mult18 : int
        MULT18X18D, hard multipliers.
    bram : int
        DP16KD, block memories of 18 kbit.
    cells : int
        Cells of every type.
    """

    lut4: int
    ccu2c: int
    dpr16: int
    flip_flops: int
    mult18: int
    bram: int
    cells: int

    @property
    def lut(self) -> int:
        """LUT4 equivalents: a CCU2C takes both LUT4 of a slice, a DPR16X4 those of two slices."""
        return self.lut4 + 2 * self.ccu2c + 4 * self.dpr16

    def plus(self, other: CellCounts, times: int = 1) -> CellCounts:
        """This and ``times`` the other."""
        mine, theirs = asdict(self), asdict(other)
        return CellCounts(**{name: mine[name] + times * theirs[name] for name in mine})


@dataclass(frozen=True, kw_only=True)
class AreaReport:
    """The area of one design.

    Parameters
    ----------
    top : str
        Name of its top module.
    hierarchical : bool
        Whether repeated modules were mapped once and multiplied, not flattened into one netlist.
    recipes : mapping of str to CellCounts
        ECP5 cells by recipe.
    transistors : int
        CMOS transistors of the design in NAND, NOR, NOT and flip-flops, and six a bit of memory
        (an SRAM's cells, without what surrounds them).
    memory_bits : int
        Bits of its memories.
    lower_bound : bool
        Whether cells of unknown size are missing from ``transistors``.
    units : mapping of str to AreaReport
        What it is made of, by name, if that was asked for; recipe by recipe it adds up to the
        design.
    """

    top: str
    hierarchical: bool
    recipes: Mapping[str, CellCounts]
    transistors: int
    memory_bits: int
    lower_bound: bool
    units: Mapping[str, AreaReport] = field(default_factory=dict)

    @property
    def best_recipe(self) -> str:
        """The recipe without hard multipliers that takes the fewest LUTs."""
        without_dsp = [name for name in self.recipes if name != "dsp"]
        return min(without_dsp, key=lambda name: self.recipes[name].lut)

    @property
    def best(self) -> CellCounts:
        """The cells of :attr:`best_recipe`."""
        return self.recipes[self.best_recipe]

    @property
    def lut(self) -> int:
        """LUT4 equivalents of :attr:`best_recipe`."""
        return self.best.lut

    def plus(self, other: AreaReport, times: int) -> AreaReport:
        """This design with ``times`` instances of another in it: a hierarchical report."""
        return AreaReport(
            top=self.top,
            hierarchical=True,
            recipes={
                name: counts.plus(other.recipes[name], times)
                for name, counts in self.recipes.items()
            },
            transistors=self.transistors + times * other.transistors,
            memory_bits=self.memory_bits + times * other.memory_bits,
            lower_bound=self.lower_bound or other.lower_bound,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values; :meth:`from_json` is the inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> AreaReport:
        """The report that :meth:`as_json` described."""
        values = {each.name: plain[each.name] for each in fields(cls) if each.name in plain}
        recipes = {name: CellCounts(**counts) for name, counts in plain["recipes"].items()}
        units = {name: cls.from_json(unit) for name, unit in plain.get("units", {}).items()}
        return cls(**{**values, "recipes": recipes, "units": units})


def area_table(rows: Iterable[tuple[str, int, AreaReport]], *, title: str) -> Table:
    """Design, multiplications a cycle (0: none) and report, as a table."""
    entries = []
    for name, macs, report in rows:
        entries.append((name, macs, report))
        entries += [(f"  {unit}", 0, part) for unit, part in report.units.items()]
    with_dsp = any("dsp" in report.recipes for _, _, report in entries)
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("design", no_wrap=True)
    table.add_column("netlist")
    table.add_column("recipe")
    numbers = ["cells", "LUT4 eq.", "FF", "BRAM"]
    numbers += ["LUT4 with DSP", "DSP"] if with_dsp else []
    for heading in [*numbers, "memory bits", "transistors", "MACs", "LUT/MAC", "transistors/MAC"]:
        table.add_column(heading, justify="right")
    for name, macs, report in entries:
        best, at_least = report.best, "≥ " if report.lower_bound else ""
        row = [name, "hierarchical" if report.hierarchical else "flat", report.best_recipe]
        row += [f"{n:,}" for n in (best.cells, best.lut, best.flip_flops, best.bram)]
        if with_dsp:
            dsp = report.recipes["dsp"]
            row += [f"{dsp.lut:,}", f"{dsp.mult18:,}"]
        row.append(f"{report.memory_bits:,}")
        row.append(f"{at_least}{report.transistors:,}")
        row += _per_mac(macs, best.lut, report.transistors, at_least)
        table.add_row(*row)
    return table


def _per_mac(macs: int, lut: int, transistors: int, at_least: str) -> list[str]:
    if macs == 0:
        return ["–", "–", "–"]
    return [f"{macs:,}", f"{lut / macs:,.1f}", f"{at_least}{transistors / macs:,.0f}"]
