"""Commands killed before some of their file events; `make test-kills` tries all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from kill_points import Killed, kill_everywhere
from killed_commands import saeval_commands, satrain_command

SAMPLES = {
    "run": 2,
    "run --cache": 3,
    "run --format parquet": 3,
    "compare": 2,
    "gate": 2,
    "satrain run": 1,
}
"""Events to try; of the others, which ask no model, six."""


@pytest.mark.robustness
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_same_bytes_and_no_litter_wherever_a_command_is_killed(
    tiny_base, tiny_adapter, tmp_path
):
    commands = [*saeval_commands(tiny_base, tiny_adapter), satrain_command(tiny_base)]
    for number, killed in enumerate(commands):
        tries = SAMPLES.get(killed.name, 6)
        outcome = kill_everywhere(killed, tmp_path / str(number), at_most=tries)
        assert 0 < outcome.tried <= tries < outcome.events
        assert (outcome.litter, outcome.differing) == ((), ()), killed.name


def careless(arguments: list[str]) -> None:
    """Writes a file in place, by way of one beside it that is never swept, and goes on from it."""
    place, aside = Path("result.txt"), Path("result.tmp")
    before = place.read_text() if place.exists() else ""
    if aside.exists():
        aside = Path("result.2.tmp")
    aside.write_text("new")
    place.write_text(before + "new")
    aside.unlink()


def test_careless_writing_is_found_out(tmp_path):
    outcome = kill_everywhere(Killed("careless", (), command=careless), tmp_path / "careless")
    assert outcome.events == outcome.tried == 3
    assert outcome.litter == ("2: result.tmp", "3: result.tmp")
    assert outcome.differing == ("3: result.txt",)
