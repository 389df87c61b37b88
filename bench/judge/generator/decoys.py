"""Moments at which something happens that no change did. Each is a service of some fifty signals and a change to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from generator.service import DAY, HOUR, START, STEP_S, STEPS, Array, Maker, Truth
from series import Judge, Signal, Timeline, changed_signals, text_of

SIGNALS = 50


@dataclass
class Scene:
    """What a decoy may bend before anything is drawn."""

    maker: Maker
    truths: dict[str, Truth]
    signals: dict[str, Signal]
    at: int
    known_changes: list[int] = field(default_factory=list)
    start_unix_s: int = START
    new_share: Array | None = None  # of the traffic, that the new version has from the change on

    def named(self, ending: str) -> list[str]:
        return [name for name in self.signals if name.endswith(ending)]

    def of_subject(self, index: int) -> list[str]:
        subjects = sorted({signal.subject for signal in self.signals.values()})
        return [name for name, signal in self.signals.items() if signal.subject == subjects[index]]

    def traffic(self, names: list[str], factor: Array) -> None:
        """Multiplies the documents of these signals' subjects."""
        for volume in self.named(" requests"):
            subject = self.signals[volume].subject
            if not any(self.signals[name].subject == subject for name in names):
                continue
            drawn = self.maker.random.poisson(self.truths[volume].documents * factor).astype(float)
            for name, signal in self.signals.items():
                if signal.subject == subject:
                    self.truths[name].documents = drawn

    def move(self, names: list[str], steps: slice | Array, by: float) -> None:
        for name in names:
            self.truths[name].usual = self.truths[name].usual.copy()
            self.truths[name].usual[steps] += by

    def contents(self, names: list[str]) -> list[str]:
        return [name for name in names if self.truths[name].kind in ("rate", "share") and "5xx" not in name]


def flat(steps: slice, factor: float) -> Array:
    held = np.ones(STEPS)
    held[steps] = factor
    return held


def nothing(scene: Scene) -> None:
    pass


def autoscaling(scene: Scene) -> None:
    ramp = np.ones(STEPS)
    ramp[scene.at - HOUR :] = 1 + 0.35 * np.minimum(1, np.arange(STEPS - scene.at + HOUR) / (2 * HOUR))
    scene.traffic(list(scene.signals), ramp)
    scene.move(scene.named(" latency"), slice(scene.at, STEPS), -0.03)


def cron(scene: Scene, days: list[int]) -> None:
    names = scene.of_subject(0)
    factor = np.ones(STEPS)
    for day in days:
        run = slice(scene.at - day * DAY, scene.at - day * DAY + HOUR)
        factor[run] = 2
        scene.move(scene.contents(names)[:3], run, 1.0)
        scene.move([name for name in names if name.endswith(" latency")], run, 0.5)
    scene.traffic(names, factor)


def cron_daily(scene: Scene) -> None:
    cron(scene, list(range(14)))


def cron_weekly(scene: Scene) -> None:
    cron(scene, [0, 7])


def cron_monthly(scene: Scene) -> None:
    cron(scene, [0])


def cold_start(scene: Scene) -> None:
    """The first quarter hour after each start is slow: one of many deployments."""
    starts = [scene.at - day * DAY - offset for day in range(1, 12) for offset in (0, 4 * HOUR)]
    for start in [scene.at, *starts]:
        scene.move(scene.named(" latency"), slice(start, start + 1), 0.35)
    scene.known_changes = starts


def traffic_mix(scene: Scene) -> None:
    """More of one route: what is counted over all routes moves, no route does."""
    names = scene.of_subject(0)
    ramp = np.ones(STEPS)
    ramp[scene.at - HOUR :] = 1.6
    scene.traffic(names, ramp)
    totals = []
    for name in scene.named(" status 5xx"):
        scene.maker.draw(scene.signals[name], scene.truths[name])
        totals.append(scene.signals[name])
    total = Signal(
        "(all) status 5xx", "rate", "(all)", "", "status 5xx", more_is_worse=True,
        numerators=np.sum([signal.numerators for signal in totals], axis=0),
        weights=np.sum([signal.weights for signal in totals], axis=0),
    )  # fmt: skip
    scene.signals[total.name] = total


def always_one_hour(scene: Scene) -> None:
    """Deployments at one hour, at which a campaign starts every day."""
    for day in range(15):
        run = slice(scene.at - day * DAY, scene.at - day * DAY + 2 * HOUR) if scene.at >= day * DAY else None
        if run is not None:
            scene.move(scene.contents(list(scene.signals))[::3], run, 0.5)
            scene.traffic(scene.of_subject(1), flat(run, 1.4))
    scene.known_changes = [scene.at - day * DAY for day in range(1, 12)]


def friday_to_saturday(scene: Scene) -> None:
    scene.at = 12 * DAY
    saturdays = np.isin(np.arange(STEPS) // DAY % 7, [5, 6])
    scene.traffic(list(scene.signals), np.where(saturdays, 0.5, 1.0))
    scene.move(scene.contents(list(scene.signals))[::3], saturdays, 0.4)


def holiday(scene: Scene) -> None:
    day = slice(14 * DAY, STEPS)
    scene.traffic(list(scene.signals), flat(day, 0.4))
    scene.move(scene.contents(list(scene.signals))[::3], day, 0.3)


def clocks_go_forward(scene: Scene) -> None:
    for truth in scene.truths.values():
        truth.usual = np.r_[truth.usual[: 14 * DAY], np.roll(truth.usual, -HOUR)[14 * DAY :]]
    for name in scene.named(" requests"):
        subject = scene.signals[name].subject
        truth = scene.truths[name]
        drawn = scene.maker.random.poisson(np.exp(truth.usual + truth.drift)).astype(float)
        for other, signal in scene.signals.items():
            if signal.subject == subject:
                scene.truths[other].documents = drawn


def retry_storm(scene: Scene) -> None:
    """One client asks three times as often for half an hour; it has done so a few times before."""
    names = scene.of_subject(0)
    earlier = scene.maker.random.integers(DAY, scene.at - 2 * HOUR, 6).tolist()
    for start in [scene.at + 1, *earlier]:
        run = slice(start, start + 2)
        scene.traffic(names, flat(run, 3))
        scene.move(scene.contents(names)[:3], run, 0.6)


def outage_before(scene: Scene) -> None:
    scene.move(scene.named(" status 5xx")[:2], slice(scene.at - 2, scene.at + 3), 3.5)


def incident_ends(scene: Scene) -> None:
    scene.move(scene.named(" status 5xx")[:2], slice(scene.at - 2 * HOUR, scene.at), 3.5)


def slow_roll_out(scene: Scene) -> None:
    """Two hours from a tenth of the traffic to all of it, while a campaign changes what everybody sends."""
    scene.move(scene.contents(list(scene.signals))[::3], slice(scene.at, STEPS), 0.6)
    scene.move(scene.named(" latency"), slice(scene.at, STEPS), 0.2)
    scene.new_share = np.linspace(0.1, 1, 2 * HOUR)


def split(scene: Scene, signal: Signal) -> Signal:
    """Leaves the new version's part of the signal, and returns the earlier one's beside it."""
    assert scene.new_share is not None
    run = slice(scene.at, scene.at + len(scene.new_share))

    def parts(whole: Array) -> tuple[Array, Array]:
        new = whole.copy()
        share = np.reshape(scene.new_share, (-1, *[1] * (whole.ndim - 1)))
        new[run] = scene.maker.random.binomial(whole[run].astype(int), share)
        return new, whole - new

    earlier = replace(signal, earlier=True)
    if signal.numerators is not None and signal.weights is not None:
        others, earlier_others = parts(signal.weights - signal.numerators)
        signal.numerators, earlier.numerators = parts(signal.numerators)
        signal.weights, earlier.weights = signal.numerators + others, earlier.numerators + earlier_others
    elif signal.counts is not None:
        signal.counts, earlier.counts = parts(signal.counts)
        signal.weights, earlier.weights = signal.counts.sum(axis=1), earlier.counts.sum(axis=1)
    elif signal.values is not None:
        signal.values, earlier.values = parts(signal.values)
    return earlier


def rollback(scene: Scene) -> None:
    """Two hours of a bad version end: back to what was before it."""
    bad = slice(scene.at - 2 * HOUR, scene.at)
    scene.move(scene.named(" status 5xx")[:2], bad, 2.5)
    scene.move(scene.named(" latency")[:1], bad, 0.5)
    scene.known_changes = [scene.at - 2 * HOUR]


def two_in_one_look(scene: Scene) -> None:
    """Another deployment half an hour later breaks a field: not this one's doing."""
    scene.move(scene.contents(list(scene.signals))[:2], slice(scene.at + 2, STEPS), 2.5)
    scene.known_changes = [scene.at + 2]


DECOYS: dict[str, Callable[[Scene], None]] = {
    "nothing at all": nothing,
    "autoscaling under rising load": autoscaling,
    "cron at deployment time, daily": cron_daily,
    "cron at deployment time, weekly": cron_weekly,
    "cron at deployment time, first of the month": cron_monthly,
    "cold start": cold_start,
    "traffic mix": traffic_mix,
    "deployments always at one hour": always_one_hour,
    "Friday to Saturday": friday_to_saturday,
    "holiday": holiday,
    "clocks go forward": clocks_go_forward,
    "retry storm of one client": retry_storm,
    "dependency outage 30 min before": outage_before,
    "incident that ends at the deployment": incident_ends,
    "slow roll-out, both versions alive": slow_roll_out,
    "rollback": rollback,
    "two deployments in one look": two_in_one_look,
}


def alarm(judge: Judge, name: str, seed: int, look: str) -> list[str]:
    """Signals called Changed though the change did nothing."""
    maker = Maker(seed, SIGNALS, calm=True)
    truths, signals = maker.plan()
    scene = Scene(maker, truths, signals, 14 * DAY + int(maker.random.uniform(8, 18) * HOUR))
    DECOYS[name](scene)
    for key, signal in signals.items():
        if key in truths:
            maker.draw(signal, truths[key])
    lines = list(signals.values())
    if scene.new_share is not None:
        lines += [split(scene, signal) for signal in signals.values()]
    timeline = Timeline(scene.start_unix_s, STEP_S, [START + step * STEP_S for step in scene.known_changes])
    (answer,) = judge.ask(text_of(timeline, lines), [timeline.time_of(scene.at)], look)
    if name == "rollback":  # the bad version's end is its doing, and is called better
        return [
            finding["signal"]
            for finding in answer["findings"]
            if finding["state"] == "changed" and finding["direction"] != "better"
        ]
    return changed_signals(answer)
