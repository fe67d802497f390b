"""What the stages came to: a table with times, and the closing line."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from sdweb.launcher.console import say


@dataclass(frozen=True)
class Outcome:
    """One command of a stage."""

    stage: str
    title: str
    good: bool
    seconds: float
    passed: int
    failed: int
    skipped: int = 0


def outcome_of(stage: str, title: str, *, exit_code: int, seconds: float, results: Path | None) -> Outcome:
    """Count a command: as one check, or by the JUnit file that its test runner wrote.

    A runner that fails without a failed test (it crashed, or collected nothing) counts as one failure.
    """
    good = exit_code == 0
    passed, failed, skipped = (int(good), int(not good), 0)
    if results is not None and results.is_file():
        passed, failed, skipped = _counts(results)
        failed = failed if good or failed else 1
    return Outcome(stage, title, good, seconds, passed, failed, skipped)


def _counts(results: Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for case in ElementTree.parse(results).getroot().iter("testcase"):  # noqa: S314 - our own runner wrote it
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def report(outcomes: list[Outcome], seconds: float) -> bool:
    """Print the table and the closing line. Returns whether all is well."""
    say("\n" + "-" * 78)
    for one in outcomes:
        verdict = "ok    " if one.good else "FAILED"
        counts = _words(one.passed, one.failed, one.skipped)
        say(f"{verdict}  {one.stage:<12} {one.title:<26} {one.seconds:6.0f} s   {counts}")
    say("-" * 78)
    say(f"{len(outcomes)} checks in {seconds // 60:.0f} min {seconds % 60:.0f} s\n")
    passed, failed, skipped = (
        sum(getattr(one, name) for one in outcomes) for name in ("passed", "failed", "skipped")
    )
    say(_words(passed, failed, skipped))
    return bool(outcomes) and all(one.good for one in outcomes)


def _words(passed: int, failed: int, skipped: int) -> str:
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
