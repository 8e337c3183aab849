"""SMILES tokens: atom-wise, lossless, refused where the text is not SMILES."""

from __future__ import annotations

import pytest
from alembert_compiler.rxnmapper import VOCABULARY, fetch_rxnmapper, reactions
from alembert_compiler.smiles import SmilesTokeniser, split_smiles

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.mark.parametrize(
    ("smiles", "tokens"),
    [
        ("CCO", "C C O"),
        ("BrCCl", "Br C Cl"),
        ("BC(=O)I", "B C ( = O ) I"),
        ("c1cc[nH]c1", "c 1 c c [nH] c 1"),
        ("C%12C%12", "C %12 C %12"),
        ("F/C=C\\F", "F / C = C \\ F"),
        ("[13C@@H](N)C#N", "[13C@@H] ( N ) C # N"),
        ("[Na+].[Cl-]>>[Na+]~[Cl-]", "[Na+] . [Cl-] >> [Na+] ~ [Cl-]"),
        ("O->[K+]", "O - > [K+]"),
        ("*C$C:C@?", "* C $ C : C @ ?"),
        ("", ""),
    ],
)
def test_tokens(smiles: str, tokens: str) -> None:
    assert split_smiles(smiles) == tokens.split()


@pytest.mark.parametrize(
    ("smiles", "column", "character"),
    [("C C", 2, "' '"), ("Xe", 1, "'X'"), ("C[NH", 2, "'['"), ("C%1", 2, "'%'"), ("C]", 2, "']'")],
)
def test_what_is_not_smiles_is_refused(smiles: str, column: int, character: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_smiles(smiles)
    assert str(caught.value) == (
        f"no SMILES token starts at column {column} of {smiles!r}: {character}"
    )


def test_ids_and_back() -> None:
    tokeniser = SmilesTokeniser([*SPECIAL, "C", ">>"])
    ids = tokeniser.encode("CN>>C")
    assert ids.tolist() == [2, 5, 1, 6, 5, 3]
    assert tokeniser.decode(ids) == ["[CLS]", "C", "[UNK]", ">>", "C", "[SEP]"]
    assert (tokeniser.padding_id, tokeniser.mask_id) == (0, 4)
    with pytest.raises(ValueError, match=r"^token id must be between 0 and 6, not 7$"):
        tokeniser.decode([7])
    with pytest.raises(ValueError, match=r"^token id must be between 0 and 6, not -1$"):
        tokeniser.decode([-1])


def test_vocabulary_is_checked() -> None:
    with pytest.raises(ValueError, match=r"^vocabulary must hold \[MASK\]$"):
        SmilesTokeniser(SPECIAL[:-1])
    with pytest.raises(ValueError) as caught:
        SmilesTokeniser([*SPECIAL, "C", "C"])
    assert str(caught.value) == (
        "vocabulary must hold each token once, but 'C' has the ids 5 and 6"
    )


def test_real_vocabulary_and_reactions() -> None:
    files = fetch_rxnmapper()
    tokeniser = SmilesTokeniser.from_bytes(files.read(VOCABULARY))
    assert len(tokeniser.vocabulary) == 591
    # every token of the vocabulary but the placeholders is one token of the splitter
    ordinary = [t for t in tokeniser.vocabulary if t not in SPECIAL and "unused" not in t]
    assert all(split_smiles(token) == [token] for token in ordinary)
    found = reactions(files)
    assert len(found) == len(set(found)) == 14
    for reaction in found:
        reactants, products = reaction.split(">>")
        assert reactants and products
        ids = tokeniser.encode(reaction)
        assert "".join(tokeniser.decode(ids[1:-1])) == reaction
        assert ":" not in reaction  # none of the package's atom-mapped answers
