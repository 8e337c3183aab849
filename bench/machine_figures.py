"""Figures of the whole machine: the pretrained ALBERT on it, and how fast its models run."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from alembert.config import PRESETS
from alembert.config.isa import Unit
from alembert.config.machine import MachineConfig
from alembert_compiler.calibrate import calibrate
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.cycles import predict
from alembert_compiler.fit import FitWarning
from alembert_compiler.machine_answers import calibrate_masked, machine_answers
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.off_ramps import masked_logits
from alembert_compiler.workloads import ReactionModel, load_albert
from alembert_golden.machine import Machine
from alembert_runtime import Session
from alembert_runtime.reactions import compile_reactions, masked_reactions
from alembert_runtime.simulated import SimulatedDevice
from alembert_runtime.simulation_build import build_simulation
from compiler.compiled_models import random_model
from figures import Figure
from machine.speed import measure_speed
from planned import FIGURE, LENGTH, MACHINE, planned

__all__ = [
    "RUNS",
    "cocotb_speed",
    "golden_speed",
    "layer_figures",
    "machine_speed",
    "planned_cycles",
    "reaction_figures",
]

RUNS = 5
"""The fastest of so many is the speed: what else a computer does only ever slows a run down."""
THRESHOLD = 0.6
_PRESETS = {"adaptivfloat8_3": "edge16", "int8": "edge16_int8"}
"""Format -> the preset that has it."""

R8_SIZED = ModelConfig(
    model_type="albert",
    vocab_size=1024,  # an off-ramp of more classes does not fit; words cost no time
    embedding_size=64,
    hidden_size=128,
    num_hidden_layers=12,
    num_attention_heads=4,
    intermediate_size=512,
    max_position_embeddings=64,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)
"""A model of the size of the one for Reuters R8."""


def reaction_figures(command: str) -> Iterator[Figure]:
    """Agreement with float32 and early exit on masked tokens, by the golden machine's every bit."""
    model = load_albert()
    longest = max(len(model.tokeniser.encode(reaction)) for reaction in model.reactions)
    calibration = calibrate_masked(model)
    logits = masked_logits(model)
    exact_top1, exact_layer = logits.early_exit(THRESHOLD)
    yield _figure("rxnmapper.top1.float32", 100 * logits.top1[-1], "%", command)
    yield _figure("rxnmapper.exit_0.6.top1.float32", 100 * exact_top1, "%", command)
    yield _figure("rxnmapper.exit_0.6.mean_layer.float32", exact_layer, "layers", command)
    for slug, preset in _PRESETS.items():
        machine = PRESETS[preset].machine
        image = compile_model(
            model.albert, machine, calibration, max_length=longest, max_targets=16
        )
        answers = machine_answers(image, machine, model)
        agreement = answers.agreement(logits.logits)
        top1, layer = answers.early_exit(THRESHOLD)
        yield _figure(f"rxnmapper.top1_agreement.{slug}", 100 * agreement[-1], "%", command)
        yield _figure(f"rxnmapper.agreement_mean.{slug}", 100 * agreement.mean(), "%", command)
        yield _figure(f"rxnmapper.top1.{slug}", 100 * answers.top1[-1], "%", command)
        yield _figure(f"rxnmapper.exit_0.6.top1.{slug}", 100 * top1, "%", command)
        yield _figure(f"rxnmapper.exit_0.6.mean_layer.{slug}", layer, "layers", command)
        last, mean = _held_out(model, machine, longest)
        yield _figure(f"rxnmapper.held_out.agreement_last.{slug}", 100 * last, "%", command)
        yield _figure(f"rxnmapper.held_out.agreement_mean.{slug}", 100 * mean, "%", command)


def _held_out(model: ReactionModel, machine: MachineConfig, longest: int) -> tuple[float, float]:
    """Agreement after the last pass, and its mean, on reactions that the calibration has not seen.

    Every second reaction is asked about after calibrating on the others, and the others after
    calibrating on these.
    """
    halves = model.reactions[::2], model.reactions[1::2]
    agrees = []
    for seen, asked in (halves, halves[::-1]):
        image = compile_model(
            model.albert,
            machine,
            calibrate_masked(model, seen),
            max_length=longest,
            max_targets=16,
        )
        exact = masked_logits(model, asked).logits.argmax(axis=-1)
        agrees.append(machine_answers(image, machine, model, asked).classes == exact)
    agreement = np.concatenate(agrees, axis=1).mean(axis=1)
    return float(agreement[-1]), float(agreement.mean())


def layer_figures(command: str) -> Iterator[Figure]:
    """A pass on the RTL of edge16 by its counters, and the cycle model beside every run.

    The second pass of two is what a run of two has more than a run of one, its off-ramp of two
    classes included. Memory: 64 bits, 40 cycles.
    """
    machine = PRESETS["edge16"].machine
    shape = replace(
        R8_SIZED,
        vocab_size=100,
        embedding_size=128,
        hidden_size=256,
        num_hidden_layers=2,
        num_attention_heads=8,
    )
    model = random_model(shape)
    rng = np.random.default_rng(2)
    tokens = rng.integers(0, shape.vocab_size, (2, 64))
    head = Classifier([(rng.normal(size=(shape.hidden_size, 2)), np.zeros(2))])
    image = compile_model(model, machine, calibrate(model, [tokens]), max_length=64, head=head)
    errors, runs = [], {}
    with Session(SimulatedDevice(build_simulation(machine)), image) as session:
        for length, passes in ((64, 1), (64, 2), (33, 1), (16, 2)):
            answer = session.run(tokens[0, :length], max_passes=passes)
            assert answer.counters is not None  # a simulation keeps time
            predicted = predict(machine, image, length=length, passes=passes, latency=40, answer=10)
            runs[length, passes] = answer.counters
            errors.append(abs(predicted.cycles / answer.counters.cycles - 1))
    one, two = runs[64, 1], runs[64, 2]
    issues = [each.units[Unit.MATRIX].issues or 0 for each in (one, two)]
    cycles = two.cycles - one.cycles
    yield _figure("layer.cycles.edge16", cycles, "cycles", command)
    share = 100 * (issues[1] - issues[0]) / cycles
    yield _figure("layer.utilisation.edge16", share, "%", command)
    yield _figure("cycle_model.max_error", 100 * max(errors), "%", command)


def planned_cycles(command: str) -> Iterator[Figure]:
    """A pass of ALBERT-base over 128 tokens on edge16's arrays, by the cycle model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # the tables say so
        found = predict(MACHINE, planned().program, length=LENGTH, latency=40)
    first, last = found.passes[-1]
    yield _figure(FIGURE, last - first + 1, "cycles", command)


def golden_speed(command: str) -> Iterator[Figure]:
    """Sentences of 64 tokens a second through twelve passes, on the golden machine of edge16.

    A batch of 64 shared by all cores.
    """
    rng = np.random.default_rng(1)
    model = random_model(R8_SIZED)
    tokens = rng.integers(0, R8_SIZED.vocab_size, (64, 64))
    machine = PRESETS["edge16"].machine
    image = compile_model(
        model, machine, calibrate(model, [tokens[:8]]), max_length=64, max_targets=1
    )
    golden = Machine(machine)

    def run() -> float:
        start = time.perf_counter()
        golden.run(
            image.data,
            image.input_bytes(tokens, np.zeros((len(tokens), 1), dtype=np.int64)),
            program=image.program,
            length=tokens.shape[1],
            targets=1,
            threshold=0,
            output_bytes=image.output_words * image.word_bytes,
            scratch_bytes=image.scratch_words * image.word_bytes,
            workers=os.cpu_count() or 1,
        )
        return len(tokens) / (time.perf_counter() - start)

    run()  # decodes the weights
    speed = max(run() for _ in range(RUNS))
    yield _figure("golden.sentences_per_second", speed, "1/s", command)


def machine_speed(command: str) -> Iterator[Figure]:
    """Cycles a second of processor time: edge16 as a whole, compiled, a pass of a reaction."""
    machine = PRESETS["edge16"].machine
    model = load_albert()
    image = compile_reactions(model, machine)
    reaction = next(masked_reactions(model, 1))
    speeds = []
    with Session(SimulatedDevice(build_simulation(machine)), image) as session:
        for _ in range(RUNS):
            start = time.process_time()
            answer = session.run(reaction.tokens, reaction.targets, max_passes=1)
            spent = time.process_time() - start
            assert answer.counters is not None  # a simulation keeps time
            speeds.append(answer.counters.cycles / spent)
    speed = max(speeds)
    yield _figure("simulation.machine.cycles_per_second", round(speed), "1/s", command)


def cocotb_speed(command: str) -> Iterator[Figure]:
    """The same with cocotb: a pass of :data:`R8_SIZED` over 64 tokens, compared with golden."""
    machine = PRESETS["edge16"].machine
    model = random_model(R8_SIZED)
    tokens = np.random.default_rng(1).integers(0, R8_SIZED.vocab_size, 64)
    image = compile_model(
        model, machine, calibrate(model, [tokens]), max_length=len(tokens), max_targets=1
    )
    speeds = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            found = measure_speed(machine, image, tokens, [0], Path(folder), max_passes=1)
        speeds.append(found.cycles_per_second)
    speed = round(max(speeds))
    yield _figure("simulation.machine_cocotb.cycles_per_second", speed, "1/s", command)


def _figure(name: str, value: float, unit: str, command: str) -> Figure:
    plain = int(value) if isinstance(value, int) else round(float(value), 2)
    return Figure(name=name, value=plain, unit=unit, command=command)
