"""The page, JUnit and the summary of forged runs."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from report_forge import BASE, WALL, Forge

from testbed import report
from testbed.errors import UsageError
from testbed.journal import Mark
from testbed.journal.events import to_fields
from testbed.report.run_page import spreads
from testbed.report.summary import OutageResult, Summary
from testbed.report.versions import version_sections

EXPECT = {
    "max_outage": {"sql-write": "3s"},
    "address_owner": {"database": "moved"},
}
KNOWN = {"ownership": "two owners are the known hole"}

IMAGE = {
    "id": "sha256:" + "2b3bd75ba5b5da1a" * 4, "packages": {f"package-{n}": f"1.{n}-<deb>" for n in range(284)},
}  # fmt: skip


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that lost writes, moved a session, and had two owners for two seconds, which is known."""
    folder = tmp_path_factory.mktemp("runs") / "20261124-120000-bad"
    Forge(lost=3, two_owners=2.0, moved=True, expect=EXPECT, known=KNOWN, app_dies=40.0).write(folder)
    versions = {"lb1": {"apache2": "2.4.62"}, "host": {"kernel": "6.1.0"}, "images": {"app": IMAGE}}
    (folder / "versions.json").write_text(json.dumps(versions))
    report.write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(failed: Path) -> str:
    return (failed / "report.html").read_text()


def test_the_page_needs_nothing_else(page: str) -> None:
    assert not re.search(r"""(src|href|action|data|poster)\s*=\s*["']?\s*(https?:)?//""", page)
    assert not re.search(r"url\(|@import|<link(?! rel=\"icon\" href=\"data:,\")|<iframe|<object|fetch\(|XMLHttp", page)
    assert "default-src 'none'" in page
    assert len(page) < 1_000_000


def test_packages_are_folded_away_and_counted(page: str) -> None:
    about = page[page.index('id="about"') :]
    assert '<details class="part"><summary>app, 284 packages</summary>' in about
    assert about.count("<li>") == 284
    assert "package-7 <b>1.7-&lt;deb&gt;</b>" in about
    assert "2b3bd75ba5b5" in about
    assert str(IMAGE["id"]) not in about
    general = about[: about.index("<details")]
    for row in ("lb1 apache2", "2.4.62", "host kernel", "6.1.0"):
        assert row in general


def test_versions_of_any_shape_are_shown() -> None:
    many = {f"p{n}": str(n) for n in range(20)}
    sections = version_sections(
        {"accel": "tcg", "overlays": [], "guests": {"db1": "6.1"}, "app": {"image": "a", "packages": many}}
    )
    assert sections[0].facts == [("accel", "tcg"), ("guests db1", "6.1"), ("app image", "a")]
    assert [part.title for part in sections] == ["", "app, 20 packages"]
    assert [part.title for part in version_sections({"app": many})] == ["app, 20 entries"]
    assert version_sections({}) == []


def test_the_page_shows_the_verdict_and_each_check(page: str) -> None:
    assert "Failed: outage, stickiness, durability" in page
    for check in ("outage", "stickiness", "durability", "ownership", "address-owner", "alarms", "leftovers"):
        assert f"<b>{check}</b>" in page
    assert "known failure" in page
    assert "two owners are the known hole" in page
    assert "sql-write-0 was acknowledged, and is not there" in page


def test_the_page_shows_every_lane(page: str) -> None:
    for probe in ("tcp", "https", "webmail", "sql-read", "sql-write", "load"):
        assert f'data-plot="{probe}"' in page
    assert page.count('class="failed"') == 3  # sql-read, sql-write, and the load's lost sessions
    for text in (
        "power-loss db1",
        "power-loss app-2",
        "pool of lb1",
        "DRBD connection",
        "PostgreSQL",
        "on throughout",
    ):
        assert text in page
    assert "two owners, db1 and db2" in page
    assert "2.4.62" in page
    assert 'class="mark uncaused"' in page
    assert 'class="mark lost"' in page


def test_what_others_wrote_is_escaped(page: str) -> None:
    assert "<primary>" not in page
    assert "&lt;primary&gt;" in page


def test_sessions_are_shown_as_a_table_too(page: str) -> None:
    assert "Sessions as a table" in page
    assert re.search(r'<td class="mono">user01-1</td><td>app-[12]</td><td>app-[12]</td>.*none', page)


def test_junit(failed: Path) -> None:
    suite = ET.parse(failed / "junit.xml").getroot().find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("3", "0", "0")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert int(suite.get("tests", "0")) == len(cases)
    failure = cases["durability"].find("failure")
    assert failure is not None
    assert "3 of them missing" in failure.get("message", "")
    assert cases["ownership"].find("failure") is None
    [known] = [each for each in suite.iter("property") if each.get("name") == "known_failure.ownership"]
    assert known.get("value") == "two owners are the known hole"
    assert [each.get("value") for each in suite.iter("property") if each.get("name") == "report"] == ["report.html"]


def test_the_summary_has_the_figures(failed: Path) -> None:
    summary = report.load_summary(failed)
    assert summary is not None
    assert (summary.verdict, summary.exit_status) == ("fail", 1)
    assert {each.name for each in summary.checks if each.status == "fail" and not each.documented} == {
        "outage", "stickiness", "durability",
    }  # fmt: skip
    assert summary.writes.missing == 3
    assert summary.writes.unknown == 5
    assert summary.requests.failed == summary.sessions_lost > 0
    assert summary.outages["tcp"].count == 0
    assert summary.outages["sql-write"].longest == pytest.approx(5.0, abs=0.1)
    [phases] = summary.phases
    assert (phases.resource, phases.source, phases.target, phases.cause) == (
        "database",
        "db1",
        "db2",
        "after power-loss",
    )
    assert phases.seconds["address claimed"] == pytest.approx(3.1, abs=0.01)
    assert summary.platform == {"balancer": "debian", "accel": "tcg", "profile": "reference"}


def test_reporting_again_changes_nothing(failed: Path) -> None:
    before = {name: (failed / name).read_bytes() for name in ("report.html", "junit.xml", "summary.json")}
    report.write_report(failed)
    assert before == {name: (failed / name).read_bytes() for name in before}
    assert not list(failed.glob(".*"))


def test_a_good_run_passes(tmp_path: Path) -> None:
    summary = report.write_report(Forge(users=60).write(tmp_path / "good"))
    assert (summary.verdict, summary.exit_status, summary.sessions_lost) == ("pass", 0, 0)
    page = (tmp_path / "good" / "report.html").read_text()
    assert "Passed: 9 checks hold" in page
    assert "sheet matrix dense" in page
    assert "A distribution needs more runs" in page


def test_repeats_are_shown_as_a_distribution(tmp_path: Path) -> None:
    for number in range(1, 4):
        folder = tmp_path / f"run-{number}"
        summary = report.write_report(Forge(outage=4.0 + number, repeat=number, repeats=3, seed=number).write(folder))
    Forge(name="other", series="other").write(tmp_path / "other")
    report.write_report(tmp_path / "other")
    found = report.runs_of_series(folder, summary)
    assert [each.repeat for each in found] == [1, 2, 3]
    page = folder.joinpath("report.html").read_text()
    assert "3 runs of this series" in page
    row = re.search(r"outage of</th>.*?sql-write</th>(.*?)</tr>", page, re.DOTALL)
    assert row is not None
    assert re.findall(r'class="num">([^<]*)<', row[1])[1] == "3"
    assert row[1].count("<i") == 3


def test_a_run_that_broke_is_an_error(tmp_path: Path) -> None:
    folder = Forge(error="db2: the guest agent does not answer").write(tmp_path / "broken")
    summary = report.write_report(folder)
    assert summary.verdict == "error"
    assert summary.exit_status != 0
    assert "The run itself broke: db2: the guest agent does not answer" in (folder / "report.html").read_text()
    suite = ET.parse(folder / "junit.xml").getroot().find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    assert suite.get("errors") == "1"


def test_a_step_of_the_wall_clock_is_shown(tmp_path: Path) -> None:
    forge = Forge()
    folder = forge.write(tmp_path / "stepped")
    line = {
        **to_fields(Mark("clock-stepped", attrs={"seconds": "-20.000"})),
        "wall": WALL + BASE + 10,
        "mono": BASE + 30,
    }
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps(line) + "\n")
    report.write_report(folder)
    assert "the host&#39;s wall clock steps by -20.000 s" in (folder / "report.html").read_text()


def test_a_prober_that_stood_still_is_shown(tmp_path: Path) -> None:
    folder = Forge(expect={"max_outage": {"tcp": "1s"}}).write(tmp_path / "still")
    journal = folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        if line.get("probe") == "tcp" and BASE + 40 <= line["scheduled"] < BASE + 44:
            line["started"], line["finished"] = BASE + 44, BASE + 44.01
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert report.write_report(folder).verdict == "unknown"
    page = (folder / "report.html").read_text()
    assert 'class="window still"' in page
    assert "the prober itself stood still for 4.0" in page


def test_a_damaged_journal_is_reported_up_to_the_damage(tmp_path: Path) -> None:
    folder = Forge().write(tmp_path / "cut")
    journal = folder / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    summary = report.write_report(folder)
    assert summary.damage
    assert summary.verdict == "unknown"
    assert summary.exit_status == 3
    page = (folder / "report.html").read_text()
    assert "The journal is damaged" in page
    skipped = ET.parse(folder / "junit.xml").getroot().iter("skipped")  # noqa: S314 - our own
    assert list(skipped)


@pytest.mark.parametrize("lines", [1, 2, 3, 40])
def test_a_journal_that_is_almost_empty_is_unknown(tmp_path: Path, lines: int) -> None:
    folder = Forge().write(tmp_path / "short")
    journal = folder / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:lines]))
    assert report.write_report(folder).verdict == "unknown"
    assert "</html>" in (folder / "report.html").read_text()


def test_no_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no journal\.jsonl"):
        report.write_report(tmp_path)


def test_control_characters_do_not_break_junit(tmp_path: Path) -> None:
    folder = Forge(error="\x1b[31mred\x00 \ud800").write(tmp_path / "rude")
    report.write_report(folder)
    ET.parse(folder / "junit.xml")  # noqa: S314 - our own


def test_a_probe_that_held_back_is_reported(tmp_path: Path) -> None:
    folder = Forge().write(tmp_path / "held")
    report.write_report(folder)
    assert "held back" not in (folder / "report.html").read_text()
    journal = folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        if line.get("probe") == "https" and BASE + 20 <= line["scheduled"] < BASE + 21:
            line["attrs"] = {**line["attrs"], "held": "yes"}
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report.write_report(folder)
    assert re.search(
        r"The probe held back 5\d of \d+ requests, [^:]+ to [^:]+: new connections would have overloaded the site",
        (folder / "report.html").read_text(),
    )


def test_a_page_can_be_printed(tmp_path: Path) -> None:
    report.write_report(Forge().write(tmp_path / "run"))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "@media print" in page
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert "beforeprint" in page


def test_a_page_draws_its_own_run_and_the_last_ones_of_a_long_series() -> None:
    outage = OutageResult(count=1, longest=1.0, total=1.0, resolution=0.1, good=1, failed=1, unknown=0)
    series = [
        Summary(run=f"run-{number}", name="x", verdict="pass", started=number, duration=1.0, outages={"tcp": outage})
        for number in range(300)
    ]
    [spread] = spreads(series[7], series)
    assert spread.of.n == 300
    assert len(spread.dots) == 101
    assert [title for _, this, title in spread.dots if this] == ["run-7: 1.00 s"]
