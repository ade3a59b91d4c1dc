"""Each mutant follows the source, so that a change there is not found out by the long campaign alone."""

from __future__ import annotations

import pytest

from tests.mutants.campaign import ALL, ROOT
from tests.mutants.mutants import Mutant


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_what_a_mutant_changes_stands_in_the_source_exactly_once(mutant: Mutant) -> None:
    for edit in mutant.edits:
        assert (ROOT / edit.file).read_text("utf-8").count(edit.old) == 1, edit.old
