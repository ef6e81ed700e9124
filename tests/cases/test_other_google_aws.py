"""Artifact Registry and Amazon ECR: rows of others.md section 24, against the emulated ones."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.cases.asking import asked, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import QUICK, Cli, Result
from validator.emulator.aws import Ecr, EcrPublic, password
from validator.emulator.google import ArtifactRegistry
from validator.evidence import Asker

PKG, PRIVATE = "europe-docker.pkg.dev", "project/repo/app"


@pytest.fixture
async def google(cli: Cli) -> AsyncIterator[ArtifactRegistry]:
    async with ArtifactRegistry() as emulated:
        cli.registries, cli.pace = emulated.settings(), {**QUICK, "refused": {60: 100}}
        yield emulated


@pytest.fixture
async def ecr(cli: Cli) -> AsyncIterator[Ecr]:
    async with Ecr() as emulated:
        cli.registries, cli.pace = emulated.settings(), {**QUICK, "refused": {60: 100}}
        yield emulated


async def ask_google(
    cli: Cli, google: ArtifactRegistry, name: str, image: str | None = PRIVATE, *, own: bool = False, username: str | None = None, secret: str | None = None
) -> Result:  # fmt: skip
    account = google.accounts[name]
    registry = f"{PKG}/{image}" if own else PKG
    wanted = ("--image", f"{PKG}/{image}:1") if image else ()
    return await cli.check(registry, username or account.username, secret or account.secret, *wanted)


@case("OTHER-13")
async def test_a_pair_that_google_does_not_take(row: Row, cli: Cli, google: ArtifactRegistry) -> None:
    row.holds(await ask_google(cli, google, "key_dead"))
    assert google.count(secret_name="key_dead", status=403) == 2  # the login with its scope, and its repeat
    assert google.count(secret_name="key_dead") == 2
    probed = await asked(cli, PKG, "_json_key", google.accounts["key_dead"].secret, f"{PKG}/{PRIVATE}:1", asker=Asker.SWEEP)
    row.agrees("credential", said(probed.verdict))  # what a sweep confirms ten minutes later


@case("OTHER-14")
async def test_a_pair_that_google_takes_and_may_not_read(row: Row, cli: Cli, google: ArtifactRegistry) -> None:
    result = row.holds(await ask_google(cli, google, "key_outside", own=True))
    assert "Artifact Registry Reader" in result.shown["advice"]
    foreign = await ask_google(cli, google, "key_outside")
    assert (foreign.credential, foreign.image) == ("valid (login_accepted)", "denied (hidden_or_denied)")


BROKEN = {
    "line breaks lost": lambda text: text.replace("\\n", "\n"),
    "quotes lost": lambda text: text.replace('"', ""),
    "cut": lambda text: text[: len(text) // 2],
    "no private key": lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "private_key"}),
}


@case("OTHER-15")
@pytest.mark.parametrize("how", BROKEN)
async def test_a_key_file_that_is_broken(row: Row, how: str, cli: Cli, google: ArtifactRegistry) -> None:
    text = BROKEN[how](google.accounts["key"].secret)
    for username, secret in (("_json_key", text), ("_json_key_base64", base64.b64encode(text.encode()).decode())):
        result = row.holds(await ask_google(cli, google, "key", username=username, secret=secret))
        assert "auth=@key.json" in result.shown["advice"]
    assert google.requests == []


@case("OTHER-16")
@pytest.mark.parametrize("words", ["", "Token has expired."])
async def test_an_access_token_of_an_hour(row: Row, words: str, cli: Cli, google: ArtifactRegistry) -> None:
    google.words = words
    result = row.holds(await ask_google(cli, google, "token_ended"))
    assert "lives one hour" in result.shown["cause"]
    assert "cannot be stored" in result.shown["advice"]
    live = await ask_google(cli, google, "token")
    assert (live.credential, live.shown["hints"]) == ("valid (pull_proven)", ["short_lived"])
    assert "cannot be stored" in live.shown["advice"]


GOOGLE_SAYS = {
    "Unauthenticated request. Unauthenticated requests do not have permission": "invalid (refused)",
    "You don't have the needed permissions to perform this operation, and you may have invalid credentials.": "unknown (ambiguous_refusal)",
    "Unable to access the repository; please check that you have permission to access it.": "unknown (ambiguous_refusal)",
    "Token has expired.": "unknown (ambiguous_refusal)",
    "The caller does not have permission": "unknown (ambiguous_refusal)",
    "": "invalid (refused)",
}


@pytest.mark.parametrize("words", GOOGLE_SAYS)
async def test_a_third_text_of_google_says_nothing_of_a_key(words: str, cli: Cli, google: ArtifactRegistry) -> None:
    google.words = words
    assert (await ask_google(cli, google, "key_dead")).credential == GOOGLE_SAYS[words]
    assert (await ask_google(cli, google, "key_dead", None)).credential == "unknown (ambiguous_refusal)"  # without a scope it may look at nothing


@pytest.mark.parametrize("scopeless", [400, 404, 500, "anyone", "judged"])
async def test_whatever_google_says_without_a_scope_is_no_false_word(scopeless: object, cli: Cli, google: ArtifactRegistry) -> None:
    google.without_scope = scopeless  # type: ignore[assignment]  # any of them
    good, dead = [(await ask_google(cli, google, name, None)).credential for name in ("key", "key_dead")]
    expected = {"judged": ("valid (login_accepted)", "unknown (ambiguous_refusal)"), "anyone": ("unprovable (accepts_anyone)",) * 2}
    unknown = ("unknown (server_error)" if scopeless == 500 else "unknown (protocol)",) * 2
    assert (good, dead) == expected.get(str(scopeless), unknown)
    if scopeless != 500:
        assert (await ask_google(cli, google, "key")).credential == "valid (pull_proven)"


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_key_file_of_many_lines_is_sent_as_it_is(encoded: bool, cli: Cli, google: ArtifactRegistry) -> None:
    secret = google.accounts["key"].secret
    assert secret.count("\n") > 5
    username, sent = ("_json_key_base64", base64.encodebytes(secret.encode()).decode()) if encoded else ("_json_key", secret)
    assert (await ask_google(cli, google, "key", username=username, secret=sent)).credential == "valid (pull_proven)"
    stored = await cli.run(
        "credential", "set", "key", "--type", "REGISTRY", "--payload", f"registry={PKG}/{PRIVATE}", f"username={username}", "auth=-", stdin=sent
    )
    assert (stored.code, "BEGIN PRIVATE" in stored.out + stored.err) == (0, False)


SWAPPED = {
    ("oauth2accesstoken", "key"): "misconfigured (wrong_username)",
    ("_json_key", "token"): "misconfigured (wrong_username)",
    ("_json_key_base64", "token"): "misconfigured (wrong_username)",
    ("_json_key_base64", "key"): "misconfigured (wrong_username)",
    ("", "key"): "misconfigured (empty_username)",
}


@pytest.mark.parametrize(("username", "name"), SWAPPED)
async def test_a_secret_under_another_ones_username(username: str, name: str, cli: Cli, google: ArtifactRegistry) -> None:
    result = await cli.check(PKG, username, google.accounts[name].secret)
    assert result.credential == SWAPPED[username, name]
    encoded = await cli.check(PKG, "_json_key", base64.b64encode(google.accounts["key"].secret.encode()).decode())
    assert (encoded.credential, google.requests) == ("misconfigured (encoded_secret)", [])


async def ask_ecr(cli: Cli, ecr: Ecr, name: str, image: str | None = None, *, own: bool = False, secret: str | None = None) -> Result:
    registry = f"{ecr.host}/{image}" if own else ecr.host
    wanted = ("--image", f"{ecr.host}/{image}:1") if image else ()
    return await cli.check(registry, "AWS", secret or ecr.accounts[name].secret, *wanted)


@case("OTHER-17")
async def test_a_password_whose_end_is_over(row: Row, cli: Cli, ecr: Ecr) -> None:
    secret = password("old", "x", datetime(2025, 9, 6, tzinfo=UTC).timestamp())
    result = row.holds(await ask_ecr(cli, ecr, "good", secret=secret))
    assert result.shown["expires_at"] == "2025-09-06T00:00:00Z"
    assert "lives 12 hours" in result.shown["cause"]
    assert "cannot be stored" in result.shown["advice"]
    assert ecr.requests == []


@case("OTHER-18")
async def test_a_password_with_three_hours_left(row: Row, cli: Cli, ecr: Ecr) -> None:
    result = row.holds(await ask_ecr(cli, ecr, "good"))
    left = datetime.fromisoformat(result.shown["expires_at"]) - datetime.fromisoformat(result.shown["checked_at"])
    assert 2.9 * 3600 < left.total_seconds() <= 3 * 3600
    assert result.shown["hints"] == ["short_lived"]
    assert "ecr-credential-provider" in result.shown["advice"]
    # one advice, no nightly death mails: test_other_sweeps


@case("OTHER-19")
async def test_a_password_whose_role_may_not_pull(row: Row, cli: Cli, ecr: Ecr) -> None:
    result = row.holds(await ask_ecr(cli, ecr, "outsider", "team/app", own=True))
    assert "ecr:BatchGetImage" in result.shown["advice"]
    foreign = await ask_ecr(cli, ecr, "good", "other/private")
    assert (foreign.credential, foreign.image) == ("valid (login_accepted)", "denied (no_pull_permission)")


@case("OTHER-20")
@pytest.mark.parametrize("status", [400, 403])
async def test_a_password_that_ecr_says_has_ended(row: Row, status: int, cli: Cli, ecr: Ecr) -> None:
    ecr.ended_status = status  # type: ignore[assignment]  # one of its two
    result = row.holds(await ask_ecr(cli, ecr, "ended", secret=ecr.opaque("ended")))
    assert ecr.count(authorization="basic", status=status) >= 1
    read = await ask_ecr(cli, ecr, "ended", secret=password("ended", "y", datetime(2025, 9, 6, tzinfo=UTC).timestamp()))
    assert [result.shown[key] for key in ("verdict", "reason", "cause", "advice")] == [
        read.shown[key] for key in ("verdict", "reason", "cause", "advice")
    ]
    assert (await ask_ecr(cli, ecr, "revoked", secret=ecr.opaque("revoked"))).credential == "misconfigured (short_lived)"


@pytest.mark.parametrize("status", [400, 403])
async def test_every_refusal_takes_its_place_whatever_its_status(status: int, cli: Cli, ecr: Ecr) -> None:
    ecr.ended_status = status  # type: ignore[assignment]  # one of its two
    cli.pace = {**QUICK, "refused": {3600: 2}}
    assert (await ask_ecr(cli, ecr, "ended", secret=ecr.opaque("ended"))).credential == "misconfigured (short_lived)"
    assert (await ask_ecr(cli, ecr, "ended", secret=ecr.opaque("ended"))).credential == "unknown (budget_spent)"


@case("OTHER-21")
async def test_the_realm_of_a_basic_challenge_is_no_place_to_go_to(row: Row, cli: Cli, ecr: Ecr) -> None:
    row.holds(await ask_ecr(cli, ecr, "good"))
    assert ecr.count(listener="auth") == 0
    assert ecr.count(listener="registry", authorization="basic") == 2


async def test_what_is_no_password_of_ecr(cli: Cli, ecr: Ecr) -> None:
    key = await cli.check(ecr.host, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    assert (key.credential, ecr.requests) == ("misconfigured (wrong_kind)", [])
    whole = base64.b64encode(f"AWS:{ecr.accounts['good'].secret}".encode()).decode()
    assert (await ask_ecr(cli, ecr, "good", secret=whole)).credential == "misconfigured (encoded_secret)"
    made_up = await ask_ecr(cli, ecr, "good", secret="bm8gcGFzc3dvcmQ=")
    assert made_up.credential == "misconfigured (short_lived)"  # every password of AWS lives 12 hours
    named = await cli.check(ecr.host, "jane", ecr.accounts["good"].secret)
    assert (named.credential, named.shown["hints"]) == ("invalid (refused)", ["username_form", "new_key"])


@pytest.mark.parametrize(("status", "text"), [(403, "Access denied by the endpoint policy"), (403, ""), (400, "Bad request"), (404, "no")])
async def test_a_third_text_of_ecr_says_nothing(status: int, text: str, cli: Cli, ecr: Ecr) -> None:
    from validator.emulator.plain import Canned

    body = json.dumps({"errors": [{"code": "DENIED", "message": text}]}).encode()
    ecr.stub("ping", Canned(status, body), secret="good")
    result = await ask_ecr(cli, ecr, "good")
    assert result.credential.startswith("unknown (")
    again = await ask_ecr(cli, ecr, "good")
    assert again.credential == result.credential


@case("OTHER-22")
async def test_an_old_bearer_at_the_public_ecr(row: Row, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.providers.image_questions.FRESH_TOKEN_S", 0.01)
    async with EcrPublic() as public:
        cli.registries = public.settings()
        forget = [public.forget_tokens]
        served = public._content

        def content(call, name, part, reference):
            if forget:
                forget.pop()()
            return served(call, name, part, reference)

        public._content = content  # type: ignore[method-assign]  # the tokens end just before the first pull
        result = await cli.check(public.host, "AWS", public.accounts["good"].secret, "--image", f"{public.host}/team/app:1")
        row.holds(result)
        heads = [one.status for one in public.requests if one.method == "HEAD" and one.secret_name == "bearer of good"]
        assert (result.shown["verdict"], heads) == ("valid", [400, 200])


async def test_the_public_ecr_proves_a_pair_only_where_it_refuses_another(cli: Cli) -> None:
    async with EcrPublic() as public:
        cli.registries, cli.pace = public.settings(), {**QUICK, "refused": {60: 100}}
        good = await cli.check(public.host, "AWS", public.accounts["good"].secret)
        assert (good.credential, good.shown["hints"]) == ("valid (login_accepted)", ["short_lived"])
        ended = await cli.check(public.host, "AWS", public.opaque("ended"))
        assert ended.credential == "misconfigured (short_lived)"
    async with EcrPublic() as anyone:
        anyone.switch(login="anyone", scoped="anyone")
        cli.registries = anyone.settings()
        cli.home = cli.home / "anyone"
        cli.home.mkdir()
        assert (await cli.check(anyone.host, "AWS", anyone.accounts["good"].secret)).credential == "unprovable (public_only)"


@case("OTHER-47")
@pytest.mark.parametrize("which", ["ecr", "google"])
async def test_nodes_may_bring_their_own(row: Row, which: str, cli: Cli, ecr: Ecr, google: ArtifactRegistry) -> None:
    cli.registries = {**ecr.settings(), **google.settings()}
    image = f"{ecr.host}/team/app:1" if which == "ecr" else f"{PKG}/{PRIVATE}:1"
    shown = (await cli.run("preflight", image, "--format", "json")).shown["images"][0]
    row.agrees("image", f"{shown['outcome']} ({shown['reason']})")
    host = image.partition("/")[0]
    alone = await asked(cli, host, "", "", image, asker=Asker.CHECK)
    assert said_of_image(alone.verdict) == "denied (no_credential)"  # what the registry says: the cloud's nodes are the pre-flight's knowledge
