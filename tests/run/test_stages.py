"""The pieces of ``./test``: choosing stages and counting results."""

from pathlib import Path

import pytest

from tests.stages import report
from tests.stages.plan import STAGES, commands, folders, stages_chosen

JUNIT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><error/></testcase>
<testcase name="d"><skipped/></testcase></testsuite></testsuites>"""


def test_without_names_all_stages_run_in_order() -> None:
    assert [stage.name for stage in stages_chosen([])] == [stage.name for stage in STAGES]


def test_stages_keep_their_order_whatever_the_order_of_the_names() -> None:
    assert [stage.name for stage in stages_chosen(["e2e", "lint"])] == ["lint", "e2e"]


def test_a_folder_of_tests_is_a_stage(tmp_path: Path) -> None:
    assert "run" in folders()
    (stage,) = stages_chosen(["run"])
    (command,) = commands(stage, scratch=tmp_path, extra=("-k", "x"))
    assert "tests/run" in command.argv
    assert command.argv[-2:] == ("-k", "x")


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no stage 'lnit'"):
        stages_chosen(["lnit"])


def test_tests_are_counted_one_by_one(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text(JUNIT)
    outcome = report.outcome_of("unit", "pytest", exit_code=1, seconds=1.0, results=results)
    assert (outcome.passed, outcome.failed, outcome.skipped, outcome.good) == (1, 2, 1, False)


def test_a_check_counts_as_one(tmp_path: Path) -> None:
    good = report.outcome_of("lint", "ruff", exit_code=0, seconds=1.0, results=None)
    bad = report.outcome_of("lint", "ruff", exit_code=1, seconds=1.0, results=tmp_path / "missing.xml")
    assert (good.passed, good.failed, bad.passed, bad.failed) == (1, 0, 0, 1)


def test_a_runner_that_crashes_after_passing_tests_is_a_failure(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text('<testsuite><testcase name="a"/></testsuite>')
    outcome = report.outcome_of("unit", "pytest", exit_code=3, seconds=1.0, results=results)
    assert (outcome.passed, outcome.failed) == (1, 1)


def test_the_closing_line_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        report.Outcome("lint", "ruff", True, 1.0, 1, 0),
        report.Outcome("unit", "pytest", False, 2.0, 5, 2, 1),
    ]
    assert report.report(outcomes, 3.0) is False
    assert capsys.readouterr().out.splitlines()[-1] == "6 passed, 2 failed, 1 skipped"


def test_nothing_run_is_not_success() -> None:
    assert report.report([], 0.0) is False
