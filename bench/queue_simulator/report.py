"""What came out: a table, and a picture."""

from collections.abc import Collection, Mapping
from pathlib import Path

from bench.queue_simulator.arrivals import Arrivals, Scenario
from bench.queue_simulator.machines import Outcome


def percentile(values: Collection[float], percent: float) -> float:
    """The smallest value that so many percent of them do not exceed; they must not be empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def waits_of(outcome: Outcome, arrived: Arrivals, *, heavy: bool) -> list[float]:
    """Waits of jobs of heavy users, or of all others."""
    return [wait for job, wait in outcome.waits.items() if (job.user_id in arrived.heavy) is heavy]


def table(outcomes: Mapping[str, Outcome], arrived: Arrivals, scenario: Scenario) -> str:
    """In Markdown, seconds of waiting."""
    lines = [
        "| | light p50 | p95 | p99 | heavy p50 | p95 | p99 | loads | GPUs at work | all done after |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, outcome in outcomes.items():
        cells = [
            f"{percentile(waits_of(outcome, arrived, heavy=heavy), percent):.0f} s"
            for heavy in (False, True)
            for percent in (50, 95, 99)
        ]
        used = outcome.worked / (outcome.seconds * scenario.gpus)
        cells += [str(outcome.loads), f"{used:.0%}", f"{outcome.seconds / 60:.0f} min"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(outcomes: Mapping[str, Outcome], arrived: Arrivals, path: Path) -> None:
    """How many of the jobs have begun after how long, for light and for heavy users."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    titles = ("Those who ask for a few pictures", "Those who queue a hundred")
    for axis, heavy, title in zip(axes, (False, True), titles, strict=True):
        for name, outcome in outcomes.items():
            waits = sorted(max(wait, 0.1) for wait in waits_of(outcome, arrived, heavy=heavy))
            shares = [100 * (index + 1) / len(waits) for index in range(len(waits))]
            axis.step(waits, shares, where="post", label=name)
        axis.set(xscale="log", xlim=(0.1, None), ylim=(0, 101), title=title, xlabel="seconds of waiting")
        axis.grid(visible=True, alpha=0.3)
    axes[0].set_ylabel("% of the jobs have begun")
    axes[1].legend(loc="upper left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
