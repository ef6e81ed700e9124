"""What the page about sweeps shows is what the program shows and takes."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from tests.docs.pages import block, blocks, commands
from validator.cli import app
from validator.cli.base.watching import Watch
from validator.config import Settings
from validator.credential import Host
from validator.sweep.base import LaneReport

PAGE = "sweep.md"
AT = datetime(2026, 11, 23, 2, 23, 41, tzinfo=UTC)


def lanes() -> list[LaneReport]:
    numbers = {"nvcr.io": 6000, "docker.io": 4000, "ghcr.io": 4000, "registry.gitlab.com": 3000, "harbor.example.org": 300}
    return [LaneReport(Host(host), credentials=number) for host, number in numbers.items()]


def further(made: list[LaneReport]) -> None:
    """Twenty-one minutes later."""
    for lane, done, suspects in zip(made, (1253, 2490, 4000, 2521, 300), (2, 1, 3, 0, 0), strict=True):
        lane.done, lane.suspects = done, suspects
    made[2].waiting_until, made[4].quarantined, made[4].finished_at = AT, True, AT


def test_the_table_is_the_live_one() -> None:
    now, made = [0.0], lanes()
    watch = Watch(lambda: now[0], lines=False)
    for lane in made:
        watch.told(lane)
    now[0] = 1260.0
    further(made)
    out = io.StringIO()
    Console(file=out, width=110, color_system=None).print(watch.table())
    assert [line.rstrip() for line in out.getvalue().splitlines()] == block(PAGE, "QUARANTINED").splitlines()


def test_the_lines_are_those_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    now, made = [0.0], lanes()
    watch = Watch(lambda: now[0], lines=True)
    watch.told(made[0])
    now[0] = 1321.0
    further(made)
    made[0].done = 1314
    watch.told(made[0])
    watch.told(made[2])
    assert capsys.readouterr().err == block(PAGE, "a second, about")


def test_the_settings_are_settings_and_the_manifest_a_cron_job() -> None:
    for text in blocks(PAGE):
        if text.startswith("registries:"):
            Settings.model_validate(yaml.safe_load(text))
    [job] = [one for text in blocks(PAGE) if text.startswith("apiVersion") for one in yaml.safe_load_all(text)]
    assert (job["kind"], job["spec"]["schedule"]) == ("CronJob", Settings().sweep.schedule)


@pytest.mark.parametrize("line", [line for line in commands(PAGE) if " sweep" in line])
def test_each_option_is_one(line: str) -> None:
    said = CliRunner().invoke(app, ["sweep", "--help"], env={"COLUMNS": "200"}).output
    assert [word for word in line.partition("#")[0].split() if word.startswith("--") and word not in said] == []
