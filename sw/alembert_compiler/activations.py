"""Activations by transformers' names: which GELU each is, ReLU, and why there are no others."""

from __future__ import annotations

from alembert.config.gelu import GeluForm

__all__ = ["FORMS", "RELU", "activation_note", "check_activation"]

FORMS = {
    **dict.fromkeys(("gelu", "gelu_python"), GeluForm.ERF),
    **dict.fromkeys(
        ("gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"),
        GeluForm.TANH,
    ),
}
"""The function that a ``hidden_act`` stands for; names of one form differ in rounding alone."""

RELU = "relu"
"""max(x, 0), which matrix units do to their sums."""

_REASONS = {
    "gelu_10": "it clips GELU at ±10",
    "quick_gelu": "x·σ(1.702·x) is up to 0.02 away from GELU",
}


def check_activation(name: object) -> None:
    """Refuse what is neither a GELU nor ReLU.

    Raises
    ------
    ValueError
        The name is not one of :data:`FORMS`, nor :data:`RELU`.
    """
    known = (*FORMS, RELU)
    if not isinstance(name, str) or name not in known:
        reason = f" ({_REASONS[name]})" if isinstance(name, str) and name in _REASONS else ""
        raise ValueError(f"hidden_act must be one of {', '.join(known)}, not {name!r}{reason}")


def activation_note(name: str, form: GeluForm) -> str | None:
    """What to tell who runs a model on a machine whose GELU has the other form; None if it has not.

    The forms differ by less than 4.8·10⁻⁴ anywhere, a machine's GELU from its own form by up to
    7.3·10⁻⁴, 1½ units of its last place: so one may stand for the other.
    """
    if name == RELU or FORMS[name] is form:
        return None
    return (
        f"the model's activation is {name!r}, GELU's {FORMS[name].value} form, and the machine has "
        f"the {form.value} form: they differ by less than 0.0005"
    )
