"""A template is somebody's program: whatever it tries, it ends within its time and memory, reads nothing, and says nothing it should not."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jinja2.sandbox import SandboxedEnvironment

from validator.workload import UnreadableWorkload, fence, read_workload, render
from validator.workload.fence import MAX_ANSWER, START_S, WALL_S, Answer, Fault, expand, read_answer

FENCED_S = START_S + WALL_S + 1.0

HOSTILE: dict[str, tuple[str, set[Fault]]] = {
    "a long range": ("{% for a in range(10**9) %}x{% endfor %}", {Fault.FAILED}),
    "loops in loops": ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", {Fault.TIME}),
    "a number of many digits": ("{{ 9**(9**9) }}", {Fault.TIME, Fault.MEMORY}),
    "words without end": ("{% for a in range(999) %}{{ lipsum(n=1000)|length }}{% endfor %}", {Fault.TIME}),
    "a huge text": ("{{ 'a'*10**9 }}", {Fault.MEMORY}),
    "a huge text, formatted": ("{{ '%1000000000d' % 1 }}", {Fault.MEMORY}),
    "a huge list": ("{% set l = [0]*10**9 %}", {Fault.MEMORY}),
    "a list that doubles": ("{% set l = [1] %}{% for a in range(60) %}{% set _ = l.extend(l) %}{% endfor %}", {Fault.MEMORY}),
    "a set of many": ("{% set n = namespace(l=()) %}{% for a in range(9999) %}{% set n.l = (n.l, 'a'*(10**5 + a)) %}{% endfor %}", {Fault.MEMORY}),
    "much written": ("{% for a in range(9999) %}{{ 'a'*10**4 }}{% endfor %}", {Fault.LARGE}),
    "a macro that calls itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", {Fault.FAILED}),
    "many brackets": ("{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}", {Fault.FAILED, Fault.MEMORY, Fault.DIED}),
    "many blocks": ("{% if 1 %}" * 5000 + "{% endif %}" * 5000, {Fault.FAILED, Fault.MEMORY, Fault.DIED, Fault.SYNTAX}),
    "include": ("{% include '/etc/passwd' %}", {Fault.FAILED}),
    "include of itself": ("{% include self %}", {Fault.FAILED}),
    "import": ("{% from '/etc/passwd' import x %}", {Fault.FAILED}),
    "extends": ("{% extends 'base' %}", {Fault.FAILED}),
    "the class of a text": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", {Fault.FORBIDDEN}),
    "the class by a filter": ("{{ ''|attr('__class__') }}", {Fault.FORBIDDEN}),
    "the class by a key": ("{{ ''['__class__'] }}", {Fault.FORBIDDEN}),
    "a function's globals": ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", {Fault.FORBIDDEN}),
    "a format text": ("{{ '{0.__class__.__mro__}'.format('') }}", {Fault.FORBIDDEN}),
    "a format text by a filter": ("{% set f = '{0.__class__}'|attr('format') %}{{ f('') }}", {Fault.FORBIDDEN}),
    "a format map": ("{{ '{a.__class__}'.format_map({'a': 1}) }}", {Fault.FORBIDDEN}),
    "the template's own module": ("{{ self.__init__.__globals__ }}", {Fault.FORBIDDEN}),
    "another extension": ("{% do 1 %}", {Fault.SYNTAX}),
    "a tag left open": ("{{ 'a'", {Fault.SYNTAX}),
}


def fenced(template: str, defaults: str = "") -> Answer:
    return expand(template, defaults=defaults, given={}, kept={})


class Watched(subprocess.Popen[bytes]):
    """A child of which is known, once it was waited for, how much memory it held at most (KiB)."""

    held = 0

    def wait(self, timeout=None):
        if self.returncode is None:
            _, status, usage = os.wait4(self.pid, 0)
            self.returncode, Watched.held = os.waitstatus_to_exitcode(status), usage.ru_maxrss
        return self.returncode


@pytest.mark.parametrize(("template", "faults"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_template_ends_within_the_fence(template, faults, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", Watched)
    monkeypatch.setattr(Watched, "held", 0)
    began = time.monotonic()
    answer = fenced(template)
    assert answer.fault in faults
    assert answer.text is None
    assert time.monotonic() - began < FENCED_S
    # until its exec a child has its parent's memory, and that counts as its own
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 0 < Watched.held <= max(ours, 512 << 10)


@pytest.mark.parametrize("template", [case[0] for case in HOSTILE.values()], ids=HOSTILE.keys())
def test_a_hostile_workflow_is_unreadable_and_nothing_worse(template):
    text = f"workflow:\n  tasks:\n  - image: reg.test/a:1\n    args: [{template}]\ndefault-values:\n  key: CANARY\n"
    with pytest.raises(UnreadableWorkload) as caught:
        read_workload(text.encode(), "w.yaml")
    assert "CANARY" not in str(caught.value)


LEAKS: dict[str, str] = {
    "type": "{{ key + 1 }}",
    "number": "{{ key | float(none) + 1 }}",
    "attribute": "{{ key.nothing.more }}",
    "syntax": "{{ CANARY! }}",
    "unknown tag": "{% CANARY %}",
    "unknown filter": "{{ key | CANARY }}",
    "include": "{% include key %}",
    "in a key": "{{ {}[key].x }}",
    "broken YAML": "{{ key }}: [ }",
    "bad sort": "{{ [key, 1] | sort }}",
}


@pytest.mark.parametrize("template", LEAKS.values(), ids=LEAKS.keys())
def test_no_default_value_is_in_the_sentence_or_its_causes(template):
    text = f"workflow:\n  a: {template}\n  tasks: []\ndefault-values:\n  key: CANARY\n"
    with pytest.raises(UnreadableWorkload) as caught:
        read_workload(text.encode(), "w.yaml")
    chain: list[BaseException | None] = [caught.value, caught.value.__cause__]
    assert "CANARY" not in "".join(map(repr, chain))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def bound_child(code: str) -> subprocess.CompletedProcess[str]:
    """What `code` prints in a process that has bound itself as the far side does."""
    program = f"import sys; sys.path.insert(0, {str(Path(render.__file__).parent)!r}); import mmap, os, socket, render; render.bind()\n{code}"
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=30, env={})


REFUSED: dict[str, str] = {
    "a file to read": "open('/etc/hostname')",
    "a file to write": "open('/tmp/validator-fence', 'w')",
    "a socket": "socket.socket()",
    "a pipe": "os.pipe()",
    "memory": "bytearray(200 << 20)",
    "mapped memory": "mmap.mmap(-1, 200 << 20)",
}


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED.keys())
def test_a_template_that_left_the_sandbox_would_find_nothing_to_take(code):
    done = bound_child(f"try:\n    {code}\nexcept (OSError, MemoryError): print('refused')\nelse: print('given')")
    assert done.stdout == "refused\n"


def test_the_child_ends_itself_by_time_and_by_work():
    assert bound_child("import signal; signal.pause()").returncode == -signal.SIGALRM
    assert bound_child("import signal; signal.alarm(0)\nwhile True: pass").returncode == -signal.SIGXCPU


def test_the_child_has_no_environment_and_its_own_group(tmp_path, monkeypatch):
    """Its program is replaced by one that tells of itself: the same start, the same way back."""
    tell = tmp_path / "tell.py"
    tell.write_text(
        "import json, os, sys\n"
        "fds = sorted(int(n) for n in os.listdir('/proc/self/fd'))\n"
        "told = [os.environ.get('CANARY_SECRET'), os.getpid() == os.getpgid(0) == os.getsid(0), os.getcwd(), sys.flags.isolated, fds[:3], len(fds)]\n"
        "print(json.dumps({'text': json.dumps(told), 'unset': []}))\n"
    )
    monkeypatch.setattr(fence, "_PROGRAM", tell)
    monkeypatch.setenv("CANARY_SECRET", "CANARY")
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        answer = fenced("")
    finally:
        os.close(read_end)
        os.close(write_end)
    assert json.loads(answer.text or "") == [None, True, "/", 1, [0, 1, 2], 4]  # the fourth is the listing's own


def test_a_child_turned_against_us_is_ended_with_all_it_started(tmp_path, monkeypatch):
    """It says it is bound, leaves a grandchild that holds the pipe open, and never ends."""
    told = tmp_path / "grandchild"
    turned = tmp_path / "turned.py"
    turned.write_text(
        "import os, signal, sys\n"
        "pid = os.fork()\n"
        "if pid:\n"
        f"    open({str(told)!r}, 'w').write(str(pid))\n"
        "    os.write(1, b'\\n')\n"
        "while True: signal.pause()\n"
    )
    monkeypatch.setattr(fence, "_PROGRAM", turned)
    began = time.monotonic()
    assert fenced("x" * (1 << 20)) == Answer(fault=Fault.TIME)
    assert time.monotonic() - began < FENCED_S
    grandchild = int(told.read_text())
    try:
        ended = os.pidfd_open(grandchild)
    except ProcessLookupError:
        return
    with os.fdopen(ended):
        assert select.select([ended], [], [], 10)[0], "it lives on"


def test_a_child_that_floods_us_is_cut_off(tmp_path, monkeypatch):
    flood = tmp_path / "flood.py"
    flood.write_text("import os\nwhile True: os.write(1, b'x' * 65536)\n")
    monkeypatch.setattr(fence, "_PROGRAM", flood)
    assert fenced("") == Answer(fault=Fault.LARGE)


def test_no_process_at_all_is_an_answer_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert fenced("{{ 1 }}") == Answer(fault=Fault.DIED)


SAID: dict[str, tuple[bytes, int, Answer]] = {
    "an expansion": (b'\n{"text": "a", "unset": ["b"]}', 0, Answer(text="a", unset=("b",))),
    "a fault": (b'\n{"fault": "syntax", "line": 3}', 0, Answer(fault=Fault.SYNTAX, line=3)),
    "a line that is none": (b'{"fault": "syntax", "line": "CANARY"}', 0, Answer(fault=Fault.SYNTAX)),
    "a fault unheard of": (b'{"fault": "CANARY"}', 0, Answer(fault=Fault.DIED)),
    "nothing, killed for its work": (b"\n", -signal.SIGXCPU, Answer(fault=Fault.TIME)),
    "nothing, killed for its time": (b"\n", -signal.SIGALRM, Answer(fault=Fault.TIME)),
    "nothing": (b"", -signal.SIGSEGV, Answer(fault=Fault.DIED)),
    "names that are none": (b'{"text": "a", "unset": [1]}', 0, Answer(fault=Fault.DIED)),
    "half an answer": (b'{"text": "a', 0, Answer(fault=Fault.DIED)),
    "no UTF-8": (b"\xff\xfe\xff", 0, Answer(fault=Fault.DIED)),
    "deep": (b"[" * 100_000, 0, Answer(fault=Fault.DIED)),
    "too much": (b" " * (MAX_ANSWER + 1), 0, Answer(fault=Fault.LARGE)),
}


@pytest.mark.parametrize(("said", "status", "expected"), SAID.values(), ids=SAID.keys())
def test_what_the_child_says_is_read_as_a_strangers_words(said, status, expected):
    assert read_answer(said, status) == expected


FILTERED = {
    name: f"{{% set x = {value} %}}{{{{ x | {call} }}}}"
    for name, value, call in [
        ("pprint", "[1]", "pprint"),
        ("wordwrap", "'a b c'", "wordwrap(2)"),
        ("urlize", "'http://reg.test/a'", "urlize"),
        ("urlencode", "'a b/ä'", "urlencode"),
        ("tojson", "{'a': 'ä<'}", "tojson"),
        ("striptags", "'<b>a &amp; b</b>'", "striptags"),
        ("xmlattr", "{'a': 1}", "xmlattr"),
        ("dictsort", "{'b': 1, 'a': 2}", "dictsort"),
        ("filesizeformat", "123456", "filesizeformat"),
        ("title", "'élan vital\\n'", "title"),
        ("lipsum", "lipsum(n=1) is string", "string"),
        ("round", "1.25", "round(1, 'ceil')"),
    ]
}


@pytest.mark.parametrize("template", FILTERED.values(), ids=FILTERED.keys())
def test_the_fence_takes_nothing_from_an_honest_template(template):
    assert fenced(template).text == SandboxedEnvironment().from_string(template).render()


def test_the_fence_holds_from_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda number: fenced(f"{{{{ {number} * 2 }}}}").text, range(8)))
    assert answers == [str(number * 2) for number in range(8)]
