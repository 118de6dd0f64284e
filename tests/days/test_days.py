"""Everything that happens at a site in a month, within two days."""

from pathlib import Path

from tests.days.judge import Judge
from tests.days.play import play
from tests.days.scenario import reference


def test_nothing_is_lost_doubled_or_false_whatever_happens(tmp_path: Path) -> None:
    run = play(reference(days=2, meters=8), tmp_path / "run", lambda moment: None)
    judge = Judge(run)
    print(judge.summary())
    assert judge.complaints() == []
