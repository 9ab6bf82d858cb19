"""``python -m chaos``: minutes of faults at random, and the verdict. Ends with 1 when something was wrong."""

from __future__ import annotations

import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import click

from chaos.breakage import BREAKAGES
from chaos.plans import guard_plan, long_plan, middle_plan
from chaos.run import Blow, Plan, Verdict, carry_out

LONGEST_SEED = 10**9


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="For how long there are faults; start and end apart.")
@click.option("--seed", default=None, help="Repeats the choices of an earlier run; when things happen differs.")
@click.option("--rate", default=40.0, show_default=True, help="Acts of all clients a second.")
@click.option("--brief", is_flag=True, help="Time-outs of seconds instead of a minute and a half.")
@click.option("--break", "broken", type=click.Choice(list(BREAKAGES)), help="Break this guard.")
@click.option("--guards", is_flag=True, help="Break each guard in turn; each must make the run fail.")
@click.option("--logs", type=click.Path(file_okay=False, path_type=Path), help="Keep the logs of all processes there.")
def main(
    *, seconds: float, seed: str | None, rate: float, brief: bool, broken: str | None, guards: bool, logs: Path | None
) -> None:
    """Faults at random against two instances, two workers, PostgreSQL and Redis under load."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended too
    seed = seed or str(Random().randrange(LONGEST_SEED))
    click.echo(f"seed {seed}")
    if guards:
        sys.exit(_break_each(seed))
    if broken is not None:
        plan = guard_plan(seed, broken)
    else:
        plan = (middle_plan if brief else long_plan)(seed, seconds, rate)
    verdict = _judged(plan, logs)
    click.echo("\n".join(_report(verdict)))
    sys.exit(bool(verdict.findings))


def _judged(plan: Plan, logs: Path | None = None) -> Verdict:
    # A server's socket lies in its directory, and the path of a socket may only have about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        try:
            return carry_out(plan, Path(directory), click.echo)
        finally:
            if logs is not None:
                logs.mkdir(parents=True, exist_ok=True)
                for path in Path(directory).glob("*.log"):
                    (logs / path.name).write_bytes(path.read_bytes())


def _break_each(seed: str) -> int:
    """How many broken guards went unnoticed; one more if something is found without any."""
    whole = _judged(guard_plan(seed, None))
    click.echo(f"nothing is broken: {whole.findings or 'nothing is found'}")
    unnoticed = int(bool(whole.findings))
    for name, breakage in BREAKAGES.items():
        verdict = _judged(guard_plan(seed, name))
        unnoticed += not verdict.findings
        click.echo(f"| {breakage.guard} | {len(verdict.findings)} | {(*verdict.findings, 'NOTHING')[0]} |")
    return unnoticed


def _report(verdict: Verdict) -> Iterator[str]:
    counts = ", ".join(f"{count:,} {what}" for what, count in verdict.counts.items())
    yield f"\nbaseline {verdict.baseline:.1f} answers/s; {counts}"
    yield f"logged out for silence: {verdict.silent}\n"
    yield "| fault | times | lasted s | back to 95 % after s: median, longest |"
    yield "|---|---|---|---|"
    for name in dict.fromkeys(blow.name for blow in verdict.blows):
        yield _row(name, [blow for blow in verdict.blows if blow.name == name])
    for what, times in verdict.unexpected.items():
        yield f"unexpected in the logs, {times} times: {what}"
    yield "\nnothing is wrong" if not verdict.findings else f"\n{len(verdict.findings)} findings:"
    yield from verdict.findings


def _row(name: str, blows: Sequence[Blow]) -> str:
    seen = [blow.recovered for blow in blows if blow.recovered is not None]
    lasted = statistics.median(blow.lasted for blow in blows)
    back = f"{statistics.median(seen):.1f}, {max(seen):.1f}" if seen else "-"
    missed = f" ({len(blows) - len(seen)} not seen)" if len(seen) < len(blows) else ""
    return f"| {name} | {len(blows)} | {lasted:.1f} | {back}{missed} |"


if __name__ == "__main__":
    main()
