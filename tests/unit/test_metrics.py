"""Metrics: their names and labels, and a bound on how many there can be."""

from __future__ import annotations

import re

from validator.metrics import OTHER, Metrics


def test_labels_are_registry_verdict_and_reason_alone() -> None:
    metrics = Metrics(["nvcr.io"])
    metrics.verdict("nvcr.io", "valid", "login_accepted")
    metrics.image("nvcr.io", "pullable", "pull_ok")
    metrics.exchange("nvcr.io", refused=True)
    metrics.request(503, 0.1)
    metrics.preflight(0.1)
    text = metrics.text().decode()
    labels = {name for found in re.findall(r"^validator_\w+\{([^}]*)\}", text, re.MULTILINE) for name in re.findall(r'(\w+)="', found)}
    assert labels == {"registry", "verdict", "reason", "le"}
    assert 'validator_verdicts_total{reason="login_accepted",registry="nvcr.io",verdict="valid"} 1.0' in text
    assert 'validator_refused_logins_total{registry="nvcr.io"} 1.0' in text
    assert "validator_http_faults_total 1.0" in text


def test_a_caller_makes_no_new_label() -> None:
    metrics = Metrics(["nvcr.io"])
    for number in range(100):
        metrics.exchange(f"host{number}.test", refused=False)
    assert re.findall(r'validator_registry_requests_total\{registry="([^"]*)"\} ([0-9.]+)', metrics.text().decode()) == [(OTHER, "100.0")]


def test_two_programs_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.request(200, 0.1)
    assert "validator_http_requests_total 0.0" in other.text().decode()
