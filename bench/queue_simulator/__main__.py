"""Who waits how long: fair share against FIFO and round robin.

    python -m bench.queue_simulator [--people 1000] [--gpus 16] [--hours 2] [--seed 1] [--plot FILE]

The scheduler is the real one; people, GPUs and models are simulated. Prints a table in Markdown. The same
arguments give the same figures on every machine.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

from bench.queue_simulator.arrivals import Scenario, arrivals
from bench.queue_simulator.machines import Policy, simulate
from bench.queue_simulator.policies import FairShare, Fifo, RoundRobin
from bench.queue_simulator.report import plot, table


def main() -> None:
    options = _options()
    scenario = Scenario(
        people=options.people,
        heavy=max(1, options.people // 10),
        gpus=options.gpus,
        hours=options.hours,
        seed=options.seed,
    )
    arrived = arrivals(scenario)
    asked = sum(job.seconds for job in arrived.jobs)
    offered = asked / (scenario.gpus * scenario.hours * 3600)
    _say(
        f"{len(arrived.jobs)} jobs of {scenario.people} people, {scenario.heavy} of them heavy; "
        f"{scenario.gpus} GPUs, {offered:.0%} of what they can do in {scenario.hours:g} h\n"
    )
    outcomes = {}
    policies: tuple[Policy, ...] = (Fifo(), RoundRobin(), FairShare())
    for policy in policies:
        started = perf_counter()
        outcomes[policy.name] = simulate(policy, arrived, scenario)
        sys.stderr.write(f"{policy.name}: simulated in {perf_counter() - started:.1f} s\n")
    _say(table(outcomes, arrived, scenario))
    if options.plot:
        plot(outcomes, arrived, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.queue_simulator", description=__doc__)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--gpus", type=int, default=16)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
