"""Where a report goes: whole into a file of its own, into a stream as it is, and nowhere that cannot take it, before anything is asked."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from tests.unwritable import reachable, unwritable
from validator.cli.base.rows import rows_text
from validator.cli.base.written import may_write, write_text
from validator.errors import UsageError


def test_a_device_stays_a_device(tmp_path):
    """`sweep --output /dev/null` as root would else leave a machine without one; a link shows it and harms nothing."""
    link = tmp_path / "report"
    link.symlink_to("/dev/null")
    may_write(link)
    write_text("{}", link)
    assert link.is_symlink()
    assert stat.S_ISCHR(link.stat().st_mode)


def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    may_write(pipe)
    with subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read(), end='')"], stdout=subprocess.PIPE, text=True) as reader:
        write_text("{}", pipe)
        assert reader.communicate()[0] == "{}\n"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_standard_output_by_name_keeps_what_stands_in_it(tmp_path):
    """`--output /dev/stdout >> log`: by the name that no fault can put a file in the place of."""
    log = tmp_path / "log"
    log.write_text("before\n")
    words = "from pathlib import Path; from validator.cli.base.written import write_text; write_text('{}', Path('/proc/self/fd/1'))"
    with log.open("a") as stream:
        subprocess.run([sys.executable, "-c", words], stdout=stream, check=True)
    assert log.read_text() == "before\n{}\n"


def test_a_link_still_leads_to_its_file(tmp_path):
    (tmp_path / "kept").mkdir()
    file, link = tmp_path / "kept" / "report.json", tmp_path / "report.json"
    file.write_text("old")
    link.symlink_to(file)
    may_write(link)
    write_text("{}", link)
    assert (link.is_symlink(), file.read_text()) == (True, "{}\n")
    assert os.listdir(tmp_path / "kept") == ["report.json"]


def test_a_file_in_a_folder_that_takes_no_other_is_refused_at_once():
    """The report is written beside it first: a night's work would end with what is known before."""
    with reachable() as home:
        folder = home / "closed"
        folder.mkdir(mode=0o755)
        file = folder / "report.json"
        file.write_text("old")
        with unwritable(folder):
            file.chmod(0o666)
            with pytest.raises(UsageError, match="cannot be written"):
                may_write(file)


@pytest.mark.parametrize("name", ["a" * 300, "none/report", "circle", "."])
def test_what_cannot_be_a_file_is_refused_at_once(name, tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(UsageError, match="cannot be written"):
        may_write(tmp_path / name)


def test_as_long_a_name_as_a_disk_takes_can_be_written(tmp_path):
    file = tmp_path / ("a" * 255)
    may_write(file)
    write_text("{}", file)
    assert file.read_text() == "{}\n"


def test_a_table_has_a_line_a_row_and_nothing_that_a_terminal_obeys():
    """Another platform's users are called as they like."""
    row = {"user": "eve\x1b[2J\r\nroot  ngc", "name": "a\u202eb", "registry": "reg.test", "verdict": None, "state": "dead", "checked_at": None}
    lines = rows_text([row]).split("\n")
    assert [line.isprintable() for line in lines] == [True, True]
