"""GELU under its names: in its own form in float32, in the machine's on the machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat
from alembert.config.gelu import GeluConfig, GeluForm
from alembert.config.isa import Opcode
from alembert_compiler.activations import FORMS, activation_note, check_activation
from alembert_compiler.compile import compile_model
from alembert_compiler.layer import activation
from alembert_compiler.tensor_names import PARTS
from alembert_golden.adaptivfloat import significand
from alembert_golden.gelu import gelu
from compiler.compiled_models import BERT, MACHINES, TOKENS, calibration_of, random_model, run
from compiler.test_compile_refusals import changed
from sfu.oracle_gelu import all_inputs, exact_gelu


def test_one_form_is_within_the_machine_error_of_the_other() -> None:
    """The bound of a GELU against its own form is 1½ units of its last place."""
    config = GeluConfig()
    x = np.linspace(-16, 16, 1 << 20).astype(np.float64)
    apart = np.abs(exact_gelu(x, GeluForm.ERF) - exact_gelu(x, GeluForm.TANH)).max()
    assert 4.7e-4 < apart < 4.8e-4 < 1.5 * 2.0**-config.fraction
    # nor does the machine's rounding add up with it to twice the contract's 2^−10
    values = all_inputs(config)
    x = values.astype(np.float64) * 2.0**-config.fraction
    machine = gelu(values, config) * 2.0**-config.fraction
    away = np.abs(machine - exact_gelu(x, GeluForm.TANH)).max()
    assert away < 2.0**-9


TANH = ("gelu_accurate", "gelu_fast", "gelu_new", "gelu_python_tanh", "gelu_pytorch_tanh")
NAMES = {"gelu": GeluForm.ERF, "gelu_python": GeluForm.ERF, **dict.fromkeys(TANH, GeluForm.TANH)}
"""As transformers' activations are written."""


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_has_the_models_own_form(name: str) -> None:
    x = np.linspace(-6, 6, 999, dtype=np.float32)
    got = activation(changed(hidden_act=name), x)
    wanted = {form: exact_gelu(x.astype(np.float64), form) for form in GeluForm}
    np.testing.assert_allclose(got, wanted[NAMES[name]], rtol=0, atol=1e-6)
    (other,) = set(GeluForm) - {NAMES[name]}
    assert np.abs(got - wanted[other]).max() > 4e-4


def test_a_model_of_the_other_form_runs() -> None:
    """As near to float32 as the same model in the machine's form."""
    machine, errors = MACHINES["edge16_int8"], []
    for name in ("gelu", "gelu_new"):
        model = random_model(changed(hidden_act=name))
        image = compile_model(
            model, machine, calibration_of(model), max_length=13, keep_hidden=True
        )
        result = run(machine, image, TOKENS, [0])
        hidden = model.forward(TOKENS).hidden[-1]
        found = image.hidden_codes(result.output, 13)[:, -1].view(np.int8) * image.hidden_scales[-1]
        assert np.abs(found - hidden).max() < 0.5
        errors.append(float(np.abs(found - hidden).mean()))
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("activations", ["static", "token"])
@pytest.mark.parametrize("parts", [PARTS[:2], PARTS[:4]], ids=["masked", "classifier"])
def test_relu(machine: str, activations: str, parts: tuple[str, ...]) -> None:
    """In the matrix unit's own post-processing: no GELU is executed, and no instruction more."""
    config = MACHINES[machine]
    if activations == "token" and not config.special.has_tokens:
        return
    model = random_model(replace(BERT, hidden_act="relu"), parts, classes=5)
    image = compile_model(
        model,
        config,
        calibration_of(model),
        max_length=13,
        head="mlm" if len(parts) == 2 else "classifier",
        activations=activations,
        keep_hidden=True,
    )
    assert Opcode.GELU not in {each.opcode for each in image.program_code}
    result = run(config, image, TOKENS, [0] if len(parts) == 2 else ())
    hidden, exact = image.hidden_codes(result.output, 13)[:, -1], model.forward(TOKENS).hidden[-1]
    if isinstance(config.fmt, AdaptivFloatFormat):
        found = significand(hidden, config.fmt) * image.hidden_scales[-1]
    else:
        found = hidden.view(np.int8) * image.hidden_scales[-1]
    # weights that were not trained to be ternary are not the model's
    limit = 0.9 if machine == "ternary" else 0.2
    assert np.abs(found - exact).mean() < limit * np.abs(exact).mean()
    # and it is ReLU that was run
    other = random_model(replace(BERT, hidden_act="gelu"), parts, classes=5).forward(TOKENS)
    if machine != "ternary":
        assert np.abs(found - exact).mean() < np.abs(found - other.hidden[-1]).mean()


def test_notes() -> None:
    assert NAMES.items() == FORMS.items()
    for name, form in NAMES.items():
        for machine in GeluForm:
            assert (activation_note(name, machine) is None) == (form is machine)
    assert activation_note("gelu_new", GeluForm.ERF) == (
        "the model's activation is 'gelu_new', GELU's tanh form, and the machine has the erf form: "
        "they differ by less than 0.0005"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("quick_gelu", " (x·σ(1.702·x) is up to 0.02 away from GELU)"),
        ("gelu_10", " (it clips GELU at ±10)"),
        ("silu", ""),
        (None, ""),
        (["gelu"], ""),
    ],
)
def test_others_are_refused_with_their_reason(name: object, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_activation(name)
    assert (
        str(caught.value)
        == f"hidden_act must be one of {', '.join(FORMS)}, relu, not {name!r}{reason}"
    )
