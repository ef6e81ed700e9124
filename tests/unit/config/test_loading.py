"""Where settings are looked for, how file and environment are joined, and what is said of what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from validator.config import Loaded, Pace, RegistrySettings, Settings, Timeouts, load_settings
from validator.errors import ConfigError


class Machine:
    """A user's folder and a system's file in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.user_dir, self.system_file, self.given = root / "user", root / "etc" / "validator.yaml", root / "given.yaml"
        self.user_file = self.user_dir / "validator" / "validator.yaml"

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, text: str | None = None, /, *, explicit: Path | None = None, **environ: str) -> Loaded:
        path = self.write(self.given, text) if text is not None else explicit
        return load_settings(path, environ, user_dir=self.user_dir, system_file=self.system_file)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_with_no_file_the_defaults_hold(machine):
    assert machine.load() == Loaded(Settings(), None)


def test_the_first_of_four_places_is_read(machine):
    places = [machine.system_file, machine.user_file, machine.given]
    seen = []
    for number, path in enumerate(places, 1):
        machine.write(path, f"timeouts: {{total_s: {number}}}")
        seen.append(machine.load(VALIDATOR_CONFIG=str(machine.given) if path == machine.given else ""))
    seen.append(
        machine.load(explicit=machine.write(machine.given.with_name("x.yaml"), "timeouts: {total_s: 4}"), VALIDATOR_CONFIG=str(machine.given))
    )
    assert [(loaded.source, loaded.settings.timeouts.total_s) for loaded in seen] == [
        (machine.system_file, 1),
        (machine.user_file, 2),
        (machine.given, 3),
        (machine.given.with_name("x.yaml"), 4),
    ]


@pytest.mark.parametrize("user_dir", ["", ".", "relative"])
def test_nothing_is_read_from_the_current_folder(machine, tmp_path, monkeypatch, user_dir):
    for folder in (tmp_path, tmp_path / "relative"):
        machine.write(folder / "validator.yaml", "timeouts: {total_s: 99}")
        machine.write(folder / "validator" / "validator.yaml", "timeouts: {total_s: 99}")
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}, user_dir=Path(user_dir), system_file=Path("validator.yaml")) == Loaded(Settings(), None)


def test_the_process_environment_is_not_read_behind_the_argument(machine, monkeypatch):
    monkeypatch.setenv("VALIDATOR_TIMEOUTS__TOTAL_S", "99")
    assert machine.load().settings.timeouts == Timeouts()
    assert Settings().timeouts == Timeouts()


def test_the_environment_goes_over_the_file_key_by_key(machine):
    text = "store: a:b\ntimeouts: {connect_s: 1, total_s: 2}\nregistries: {reg.test: {proxy: false, pace: {burst: 2, refused: {60: 1}}}}"
    settings = machine.load(
        text,
        VALIDATOR_STORE="sqlite:///x",
        VALIDATOR_KEY_FILE="/k",
        VALIDATOR_TIMEOUTS__TOTAL_S="3",
        VALIDATOR_REGISTRIES='{"REG.test:443": {"pace": {"refused": {"5": 9}}}}',
        VALIDATOR_USER="ada",
        PATH="/bin",
    ).settings
    reg = RegistrySettings(proxy=False, pace=Pace(burst=2, refused={5: 9}))
    assert settings == Settings(
        store=SecretStr("sqlite:///x"), key_file=Path("/k"), timeouts=Timeouts(connect_s=1, total_s=3), registries={"reg.test": reg}
    )


def test_kubernetes_service_links_are_no_settings(machine):
    links = {
        "VALIDATOR_SERVICE_HOST": "10.0.0.7",
        "VALIDATOR_PORT": "tcp://10.0.0.7:8080",
        "VALIDATOR_PORT_8080_TCP_ADDR": "10.0.0.7",
        "VALIDATOR_API_SERVICE_PORT_HTTP": "8080",
    }
    assert machine.load(**links) == Loaded(Settings(), None)
    with pytest.raises(ConfigError, match="VALIDATOR_PORT is none"):
        machine.load(VALIDATOR_PORT="8080")


LAYERS = {
    "every host": ("other.test", Pace(per_second=1, burst=9), False),
    "a host, any port": ("reg.test:7000", Pace(per_second=2, burst=9), True),
    "a host, no port": ("reg.test", Pace(per_second=2, burst=9), True),
    "host and port": ("reg.test:5000", Pace(per_second=2, burst=3), False),
    "IPv6 with a port": ("[::1]:5000", Pace(per_second=4, burst=9), False),
    "Docker Hub by an alias": ("docker.io", Pace(per_second=1, burst=7), False),
}


@pytest.mark.parametrize(("host", "pace", "plain"), LAYERS.values(), ids=LAYERS.keys())
def test_a_host_has_its_own_words_over_its_name_over_everyone(machine, host, pace, plain):
    text = """
registries:
  "*": {pace: {per_second: 1, burst: 9}}
  reg.test: {plain_http: true, pace: {per_second: 2}}
  REG.test:5000: {plain_http: false, pace: {burst: 3}}
  "[::1]": {pace: {per_second: 4}}
  registry-1.docker.io: {pace: {burst: 7}}
"""
    registry = machine.load(text).settings.registry(host)
    assert (registry.pace, registry.plain_http) == (pace, plain)


def test_a_host_that_a_provider_names_is_not_every_host(machine):
    settings = machine.load('registries: {"*": {allow_private: true}, nvcr.io: {proxy: false}}').settings
    assert settings.registry("nvcr.io", named=True) == RegistrySettings(proxy=False)


def test_none_is_the_providers_and_a_word_is_the_operators(machine):
    registry = machine.load("registries: {reg.test: {introspect: false}}").settings.registry("reg.test")
    assert (registry.introspect, registry.provider, registry.pace.refused) == (False, None, None)


FILE_FAULTS = {
    "unknown key": ("retries: 3", "line 1: retries is no setting"),
    "unknown key below": ("\nsweep:\n  tz: x", "line 3: sweep.tz is no setting"),
    "a secret pasted as a key": ("registries: {reg.test: {ghp_CANARY0123456789: x}}", "line 1: registries.reg.test.(a key"),
    "not YAML": ("a: b: c", "line 1 is not valid YAML"),
    "a star without quotes": ("registries:\n  *: {}", 'line 2 is not valid YAML (a key "*" needs its quotes)'),
    "the same key twice": ("store: a:b\n\nstore: c:d", "line 3 has the key of line 1 again"),
    "a list": ("- store", "must be a mapping"),
    "a tag that runs code": ("store: !!python/object/apply:os.system [CANARY]", "line 1 is not valid YAML"),
    "itself": ("a: &a [*a]", "line 1 refers to itself"),
    "deep": ("[" * 5000, "is not valid YAML"),
    "a surrogate": ('"\\ud800": 1', "(a key that is not repeated here)"),
    "a control character": ("store: a\n#\x07", "line 2 holds a character"),
    "one host by two names": ("registries: {docker.io: {}, Registry-1.Docker.IO: {}}", "names the host docker.io twice"),
    "a URL as host": ("registries: {'https://CANARY:CANARY@reg.test': {}}", "without a scheme"),
    "yes as a number": ("timeouts: {total_s: yes}", "timeouts.total_s cannot be used: it must be a number"),
    "not a number": ("timeouts: {total_s: .nan}", "timeouts.total_s cannot be used"),
    "words as a number": ("timeouts:\n  total_s: CANARY", "line 2: timeouts.total_s cannot be used"),
    "no request at all": ("registries: {reg.test: {pace: {per_second: 0}}}", "registries.reg.test.pace.per_second cannot be used"),
    "no budget at all": ("registries: {reg.test: {pace: {refused: {}}}}", "registries.reg.test.pace.refused cannot be used"),
    "any realm": ("registries: {reg.test: {realm_hosts: ['*']}}", "never to every host"),
    "a password in the proxy": ("network: {proxy: 'http://u:CANARY@proxy.test'}", "network.proxy cannot be used: it holds a username"),
    "a secret in the canary": ("registries: {reg.test: {canary: {username: u, secret: CANARY}}}", "secret_file is missing"),
    "four fields": ("sweep: {schedule: 0 2 * *}", "sweep.schedule cannot be used: it must have five fields"),
    "an hour that is none": ("sweep: {schedule: 0 25 * * *}", "sweep.schedule cannot be used: one of its five fields"),
    "a day that never comes": ("sweep: {schedule: 0 2 30 2 *}", "sweep.schedule cannot be used: one of its five fields"),
    "no such zone": ("sweep: {timezone: ../../../etc/passwd}", "sweep.timezone cannot be used"),
    "a notice with another placeholder": ("notices: {urls: ['mailto://CANARY@x?to={mail}']}", "only {address} and {user}"),
    "no such choice": ("preflight: {auths_key: CANARY}", "input should be 'auto', 'as_written', 'docker' or 'osmo'"),
}


@pytest.mark.parametrize(("text", "words"), FILE_FAULTS.values(), ids=FILE_FAULTS.keys())
def test_what_is_wrong_in_a_file_is_one_sentence_without_a_value(machine, text, words):
    with pytest.raises(ConfigError) as caught:
        machine.load(text)
    sentence = str(caught.value)
    assert words in sentence
    assert str(machine.given) in sentence
    assert "CANARY" not in sentence
    assert "\n" not in sentence
    assert caught.value.__cause__ is None


VARIABLE_FAULTS = {
    "unknown": ({"VALIDATOR_STOER": "x"}, "VALIDATOR_STOER is none of validator's"),
    "unknown below": ({"VALIDATOR_TIMEOUTS__CONECT_S": "x"}, "VALIDATOR_TIMEOUTS__CONECT_S is none"),
    "a host by underscores": ({"VALIDATOR_REGISTRIES__REG__PROXY": "x"}, "VALIDATOR_REGISTRIES__REG__PROXY is none"),
    "a secret in the name": ({"VALIDATOR_9CANARY9": "x"}, "that begins with VALIDATOR_ is none"),
    "no JSON": ({"VALIDATOR_REGISTRIES": "CANARY"}, "VALIDATOR_REGISTRIES (or"),
    "JSON, no mapping": ({"VALIDATOR_REGISTRIES": '["CANARY"]'}, "VALIDATOR_REGISTRIES: registries cannot be used"),
    "no JSON below": ({"VALIDATOR_SWEEP__DEAD_AGAIN_DAYS": "[1,"}, "VALIDATOR_SWEEP (or"),
    "no number": ({"VALIDATOR_TIMEOUTS__TOTAL_S": "CANARY"}, "VALIDATOR_TIMEOUTS__TOTAL_S: timeouts.total_s cannot be used"),
    "one host twice": ({"VALIDATOR_REGISTRIES": '{"docker.io": {}, "index.docker.io": {}}'}, "names the host docker.io twice"),
    "no file": ({"VALIDATOR_CONFIG": "/nonexistent/validator.yaml"}, "of VALIDATOR_CONFIG is not there"),
}


@pytest.mark.parametrize(("environ", "words"), VARIABLE_FAULTS.values(), ids=VARIABLE_FAULTS.keys())
def test_what_is_wrong_in_the_environment_is_one_sentence_that_names_the_variable(machine, environ, words):
    with pytest.raises(ConfigError) as caught:
        machine.load(**environ)
    assert words in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_a_missing_config_file_is_an_error(machine):
    with pytest.raises(ConfigError, match="of --config is not there"):
        machine.load(explicit=machine.given)


FILES = {
    "a folder": (lambda path: path.mkdir(), "cannot be read"),
    "not UTF-8": (lambda path: path.write_bytes(b"store: \xff"), "not UTF-8"),
    "too large": (lambda path: path.write_bytes(b"#" * (1 << 20) + b"#"), "larger than 1 MiB"),
}


@pytest.mark.parametrize(("make", "words"), FILES.values(), ids=FILES.keys())
def test_a_file_that_is_there_and_of_no_use_is_never_passed_over(machine, make, words):
    machine.user_file.parent.mkdir(parents=True)
    make(machine.user_file)
    machine.write(machine.system_file, "store: a:b")
    with pytest.raises(ConfigError, match=words):
        machine.load()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission_is_never_passed_over(machine):
    machine.write(machine.user_file, "store: a:b").chmod(0)
    with pytest.raises(ConfigError, match="cannot be read"):
        machine.load()


def test_no_password_shows_in_the_settings(machine):
    settings = machine.load(
        "store: osmo+postgresql://u:CANARY@db/osmo\nnotices: {urls: ['mailto://u:CANARY@relay.test'], operator: ['json://u:CANARY@x']}"
    ).settings
    assert "CANARY" not in f"{settings!r}{settings}{settings.model_dump_json()}"
