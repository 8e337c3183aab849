"""Area of a Verilog design: ECP5 look-up tables and CMOS transistors, by fixed recipes.

The recipe moves a result more than the architecture does (one INT8 multiplication takes 164 to 527
LUTs), so every design goes through the same ones, and its LUT figure is the best of the three that
use no hard multiplier.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

from ..files import write_file
from .area_report import AreaReport, CellCounts
from .area_text import part_of
from .errors import FlowError
from .yosys import run_yosys, yosys_version

__all__ = ["RECIPES", "measure_area"]

RECIPES = {
    "nodsp": ("", "-nodsp"),
    "booth": ("booth; opt_clean", "-nodsp"),
    "alu": ("wreduce; booth; techmap -map add2alu.v; opt_clean", "-nodsp"),
    "dsp": ("", ""),
}
"""Recipe -> what precedes synth_ecp5, and its options. nodsp: multipliers by alumacc and maccmap;
booth: by the Booth pass; alu: that, and every adder a carry chain; dsp: MULT18X18D allowed."""

_FILE = "design.v"
_ADD_TO_ALU = files("alembert.flows") / "area_map" / "add2alu.v"

# Yosys takes longer to read all of a machine than to map most of its modules: each step is given
# no more text than the modules that it is about.
_SPLIT = """\
read_verilog -sv {file}
hierarchy -check -top {top}
tee -q -o split.json stat -json
"""

# write_json for its side effect: it sorts the design by name, and ABC's result depends on the
# order in which it meets the cells.
_ELABORATE = """\
read_verilog -sv {file}
hierarchy -check -top {top}
{blackboxes}
proc; flatten -noscopeinfo; opt_clean; delete t:$scopeinfo
rename -top dut
tee -q -o elab_stat.json stat -json
write_json elab.json
write_rtlil elab.il
"""

# Without -nowidelut a LUT5 or LUT6 made of PFUMX and L6MUX21 counts as two or four LUT4.
_ECP5 = """\
read_rtlil elab.il
{rename}
{before}
synth_ecp5 -top dut {options} -nowidelut -noiopad
tee -q -o {recipe}.json stat -json
"""

# synth, but memories that can be written to stay whole: their rows as flip-flops with multiplexers
# would be several times an SRAM, and take longer to map than the rest of a design.
_CMOS = """\
read_rtlil elab.il
synth -top dut -flatten -noabc -booth -run begin:fine
opt -fast -full
memory_map -rom-only
opt -full
techmap
opt -fast
setattr -unset init w:*
async2sync
dfflegalize -cell $_DFF_P_ x -cell $_DLATCH_P_ x
opt_expr; opt_merge; opt_clean
abc -g cmos2
opt_clean
tee -q -o cmos.json stat -tech cmos -json
select t:$mem_v2
write_json -selected memories.json
"""

_CMOS_SIZED = {"$_NOT_", "$_NAND_", "$_NOR_", "$_BUF_", "$_DFF_P_", "$_DFF_N_"}
_MULTIPLIERS = {"$mul", "$macc", "$macc_v2"}
_LATCHES = {"$_DLATCH_P_", "$_DLATCH_N_"}
_LATCH_TRANSISTORS = 12
_MEMORY = "$mem_v2"
_SRAM_TRANSISTORS = 6


def measure_area(
    verilog: str,
    top: str,
    work_dir: Path,
    *,
    flatten: bool = True,
    dsp: bool = False,
    units: Mapping[str, str] | None = None,
) -> AreaReport:
    """Map a design to ECP5 and to CMOS gates and count.

    Flat, the whole design is one netlist: the figure of record, minutes for a large array.
    Hierarchical, a module that occurs more than once below the top is mapped once, itself
    flattened, and multiplied by its number of instances; everything else is one netlist around
    it. Nothing is then optimised across those modules' ports, so that the sum is as a rule more
    than the flat figure; mapping being heuristic, it is no bound.

    Parameters
    ----------
    verilog : str
        The design's text.
    top : str
        Name of its top module.
    work_dir : Path
        Scratch space and results; the same question again is answered from there.
    flatten : bool
        One flat netlist, else hierarchical.
    dsp : bool
        Measure the recipe with hard multipliers too.
    units : mapping of str to str, optional
        Modules below the top that are measured by themselves, as designs, and are broken down in
        the report, by what they are called there; hierarchical only.

    Raises
    ------
    FlowError
        Yosys is missing, or it failed.
    """
    if units:
        return _measure_units(verilog, top, work_dir, dsp, units)
    return _measure_once(verilog, top, work_dir, flatten=flatten, dsp=dsp, without=())


def _measure_units(
    verilog: str, top: str, work_dir: Path, dsp: bool, units: Mapping[str, str]
) -> AreaReport:
    """The units, then what is left of the top without them."""
    found = {
        unit: measure_area(verilog, module, work_dir, flatten=False, dsp=dsp)
        for unit, module in units.items()
    }
    without = tuple(units.values())
    rest = _measure_once(verilog, top, work_dir, flatten=False, dsp=dsp, without=without)
    total = rest
    for report in found.values():
        total = total.plus(report, 1)
    return replace(total, units={**found, "the rest": rest})


def _measure_once(
    verilog: str, top: str, work_dir: Path, *, flatten: bool, dsp: bool, without: Sequence[str]
) -> AreaReport:
    verilog = part_of(verilog, top, without)
    question: list = [verilog, top, flatten, dsp, RECIPES, _ELABORATE, _ECP5, _CMOS]
    question += [*without]
    question += [_ADD_TO_ALU.read_text(encoding="utf-8"), yosys_version()]
    digest = hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]
    known = work_dir / f"{top}-{digest}.json"
    if known.exists():
        return AreaReport.from_json(json.loads(known.read_text(encoding="utf-8")))
    work_dir.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{top}-{digest}-", dir=work_dir))
    write_file(scratch / _FILE, verilog)
    report = _measure(verilog, scratch, top, flatten, dsp, without)
    write_file(known, json.dumps(report.as_json(), indent=2) + "\n")
    shutil.rmtree(scratch)  # a failed measurement leaves its scripts and logs
    return report


def _measure(
    verilog: str, scratch: Path, top: str, flatten: bool, dsp: bool, without: Sequence[str]
) -> AreaReport:
    parts = {} if flatten else _repeated_modules(scratch, top, without)
    absent = dict.fromkeys(without, 1)
    modules = [top, *parts]
    recipes = [recipe for recipe in RECIPES if dsp or recipe != "dsp"]
    directories = {module: scratch / str(i) for i, module in enumerate(modules)}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        around = [[*parts, *absent] if module == top else [] for module in modules]
        texts = [part_of(verilog, *each) for each in zip(modules, around)]
        list(pool.map(_elaborate, modules, directories.values(), texts, around))
        steps = [(d, recipe) for d in directories.values() for recipe in [*recipes, "cmos"]]
        list(pool.map(_map, *zip(*steps)))
    reports = {
        module: _report(module, directory, recipes, {**parts, **absent} if module == top else {})
        for module, directory in directories.items()
    }
    total = reports[top]
    for part, instances in parts.items():
        total = total.plus(reports[part], instances)
    return total


def _repeated_modules(scratch: Path, top: str, without: Sequence[str]) -> dict[str, int]:
    """Modules with several instances below the top, and how many; not those inside of them."""
    run_yosys(_SPLIT.format(file=_FILE, top=_escaped(top)), scratch, name="split")
    modules = _stat(scratch / "split.json")["modules"]
    cells = {name.removeprefix("\\"): m["num_cells_by_type"] for name, m in modules.items()}

    instances: Counter[str] = Counter()
    region = [top]  # modules that are flattened into the top, breadth first
    for module in region:
        for kind, count in cells[module].items():
            child = kind.removeprefix("\\")
            if child in cells and child not in without:
                instances[child] += count
                if instances[child] == 1:
                    region.append(child)
    return {module: count for module, count in instances.items() if count > 1}


def _escaped(module: str) -> str:
    return f"\\{module}"


def _elaborate(module: str, directory: Path, verilog: str, parts: Sequence[str]) -> None:
    directory.mkdir()
    write_file(directory / _FILE, verilog)
    shutil.copyfile(str(_ADD_TO_ALU), directory / "add2alu.v")
    blackboxes = "blackbox " + " ".join(map(_escaped, parts)) if parts else ""
    script = _ELABORATE.format(file=_FILE, top=_escaped(module), blackboxes=blackboxes)
    run_yosys(script, directory, name="elaborate")


def _map(directory: Path, recipe: str) -> None:
    if recipe == "cmos":
        run_yosys(_CMOS, directory, name=recipe)
    elif not _differs(directory, recipe):
        return
    else:
        before, options = RECIPES[recipe]
        script = partial(_ECP5.format, before=before, options=options, recipe=recipe)
        try:
            run_yosys(script(rename=""), directory, name=recipe)
        except FlowError:
            # ABC9 takes the wire \\a[1] for bit 1 of \\a, and stops when both exist
            run_yosys(script(rename="rename -hide w:*[*]"), directory, name=recipe)


def _differs(directory: Path, recipe: str) -> bool:
    """Whether a recipe is another one than the plain one for a module: booth is not for all."""
    found = _stat(directory / "elab_stat.json")["design"]["num_cells_by_type"]
    return recipe != "booth" or bool(_MULTIPLIERS & found.keys())


def _stat(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _counts(path: Path, parts: Mapping[str, int]) -> dict[str, int]:
    by_type = _stat(path)["design"]["num_cells_by_type"]
    return {kind: n for kind, n in by_type.items() if kind.removeprefix("\\") not in parts}


def _report(
    module: str, directory: Path, recipes: list[str], parts: Mapping[str, int]
) -> AreaReport:
    cmos = _counts(directory / "cmos.json", parts)
    estimate = str(_stat(directory / "cmos.json")["design"]["estimated_num_transistors"])
    latches = sum(cmos.get(kind, 0) for kind in _LATCHES)
    memory_bits = _memory_bits(directory / "memories.json")
    return AreaReport(
        top=module,
        hierarchical=bool(parts),
        recipes={
            recipe: _ecp5_cells(_counts(directory / f"{same}.json", parts))
            for recipe in recipes
            for same in [recipe if _differs(directory, recipe) else "nodsp"]
        },
        transistors=int(estimate.rstrip("+"))
        + _LATCH_TRANSISTORS * latches
        + _SRAM_TRANSISTORS * memory_bits,
        memory_bits=memory_bits,
        lower_bound=bool(cmos.keys() - _CMOS_SIZED - _LATCHES - {_MEMORY}),
    )


def _memory_bits(path: Path) -> int:
    """Bits of the memories in a netlist."""
    modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
    cells = [cell for module in modules.values() for cell in module["cells"].values()]
    return sum(
        int(cell["parameters"]["WIDTH"], 2) * int(cell["parameters"]["SIZE"], 2)
        for cell in cells
        if cell["type"] == _MEMORY
    )


def _ecp5_cells(by_type: Mapping[str, int]) -> CellCounts:
    return CellCounts(
        lut4=by_type.get("LUT4", 0),
        ccu2c=by_type.get("CCU2C", 0),
        dpr16=by_type.get("TRELLIS_DPR16X4", 0),
        flip_flops=by_type.get("TRELLIS_FF", 0),
        mult18=by_type.get("MULT18X18D", 0),
        bram=by_type.get("DP16KD", 0),
        cells=sum(by_type.values()),
    )
