"""“Test this account”, against real servers, real proxies and real certificates."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from accounts.models import Account
from accounts.probe import STAGES, Report, probe
from providers.models import DEMO_URL, Model, Provider
from proxies.models import Proxy
from tests.accounts import servers
from tests.process import free_port

pytestmark = pytest.mark.django_db

KEY = "sk-probe-canary-41d7c2b95e"
PASSWORD = "p@ss:w/rd-canary-83"
TIMEOUT_S = 1.0


@pytest.fixture
def vendor() -> Iterator[servers.Vendor]:
    with servers.vendor() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return servers.make_certificate(tmp_path_factory.mktemp("tls"))


def account(base_url: str, credential: str = KEY, proxy: str = "", **provider_fields: object) -> Account:
    provider = Provider.objects.create(slug="vendor", base_url=base_url, **provider_fields)
    made = Account(provider=provider, label="one")
    made.set_credential(credential)
    if proxy:
        made.proxy = Proxy()
        made.proxy.set_url(proxy)
        made.proxy.save()
    made.save()
    return made


def run(tested: Account, timeout_s: float = TIMEOUT_S) -> Report:
    """Probe, and hold every report to what all reports promise."""
    report = probe(tested, timeout_s=timeout_s)
    assert tuple(stage.name for stage in report.stages) == STAGES
    failed = [stage for stage in report.stages if stage.ok is False]
    assert report.ok == (not failed and all(stage.ok for stage in report.stages))
    assert len(failed) <= 1
    assert all(stage.cure for stage in failed), "a failure without a cure helps nobody"
    assert KEY not in repr(report), "the credential is in the report"
    assert PASSWORD not in repr(report) and quote(PASSWORD, safe="") not in repr(report)
    return report


def stopped_at(report: Report) -> tuple[str, str, str]:
    """(stage, detail, cure) of the failure, after which nothing was reached."""
    index = next(number for number, stage in enumerate(report.stages) if stage.ok is False)
    assert all(stage.ok is True for stage in report.stages[:index])
    assert all((stage.ok, stage.detail) == (None, "not reached") for stage in report.stages[index + 1 :])
    stage = report.stages[index]
    return stage.name, stage.detail, stage.cure


def answer_of(report: Report) -> str:
    assert report.ok, report
    return report.stages[-1].detail


def url(vendor: servers.Vendor, scheme: str = "http", host: str = "127.0.0.1") -> str:
    return f"{scheme}://{host}:{vendor.port}/v1"


def test_a_working_account(vendor: servers.Vendor) -> None:
    tested = account(url(vendor))
    Model.objects.create(provider=tested.provider, name="m-1")
    Model.objects.create(provider=tested.provider, name="alias", upstream_name="m-2")
    report = run(tested)
    assert answer_of(report) == (
        "the credential works; the provider lists 2 models, with all 2 that are configured here"
    )
    (path, headers), *more = vendor.seen
    assert not more, "one call, and a free one"
    assert path == "/v1/models"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["host"] == f"127.0.0.1:{vendor.port}"
    assert all(stage.ms >= 0 for stage in report.stages)


def test_models_that_the_provider_does_not_have(vendor: servers.Vendor) -> None:
    tested = account(url(vendor))
    for name in ("m-1", "gone"):
        Model.objects.create(provider=tested.provider, name=name)
    report = run(tested)
    assert "not 1 of the 2 that are configured here: gone" in answer_of(report)
    assert report.stages[-1].cure


def test_the_list_of_gemini_and_its_header(vendor: servers.Vendor) -> None:
    vendor.body = b'{"models": [{"name": "models/gemini-2.5-flash"}]}'
    tested = account(url(vendor), dialect="gemini", signer="x-goog-api-key")
    Model.objects.create(provider=tested.provider, name="gemini-2.5-flash")
    assert "with all 1" in answer_of(run(tested))
    assert vendor.seen[0][1]["x-goog-api-key"] == KEY
    assert "authorization" not in vendor.seen[0][1]


@pytest.mark.parametrize(
    ("status", "body", "says", "cure"),
    [
        (401, b'{"error": {"message": "Incorrect API key"}}', "401: Incorrect API key", "enter a new one"),
        (403, b'{"error": "region not supported"}', "403: region not supported", "permission"),
        (404, b"{}", "404", "/v1"),
        (402, b"{}", "402", "credit"),
        (429, b'{"message": "slow\\ndown"}', "429: slow down", "wait"),
        (500, b"oops", "500", "status page"),
        (503, b"[]", "503", "status page"),
    ],
)
def test_a_refusal(vendor: servers.Vendor, status: int, body: bytes, says: str, cure: str) -> None:
    vendor.status, vendor.body = status, body
    stage, detail, advice = stopped_at(run(account(url(vendor))))
    assert stage == "answer"
    assert detail == f"answered with {says}"
    assert cure in advice


def test_a_provider_that_repeats_the_key(vendor: servers.Vendor) -> None:
    vendor.status, vendor.body = 401, b'{"error": {"message": "bad key ' + KEY.encode() + b'"}}'
    assert "bad key •••" in stopped_at(run(account(url(vendor))))[1]


@pytest.mark.parametrize(
    ("content_type", "body", "says"),
    [
        ("text/html", b"<!doctype html><title>Log in</title>", "a web page"),
        ("text/plain", b"ok", "not JSON"),
        ("application/json", b'{"hello": 1}', "not a list of models"),
    ],
)
def test_an_answer_that_is_no_list(vendor: servers.Vendor, content_type: str, body: bytes, says: str) -> None:
    vendor.body, vendor.headers = body, {"content-type": content_type}
    stage, detail, _cure = stopped_at(run(account(url(vendor))))
    assert (stage, says in detail) == ("answer", True)


def test_a_redirect_is_not_followed(vendor: servers.Vendor) -> None:
    vendor.status, vendor.headers = 302, {"location": f"http://localhost:{vendor.port}/v1/models?key={KEY}"}
    stage, detail, _cure = stopped_at(run(account(url(vendor))))
    assert stage == "answer"
    assert "redirect (302) to http://localhost" in detail
    assert len(vendor.seen) == 1, "the key went to where the redirect pointed"


def test_a_slow_provider(vendor: servers.Vendor) -> None:
    vendor.delay_s = 3.0
    stage, detail, _cure = stopped_at(run(account(url(vendor)), timeout_s=0.4))
    assert (stage, detail) == ("request", "no reply within 0.4 s")


def test_nobody_listens() -> None:
    port = free_port()
    stage, detail, cure = stopped_at(run(account(f"http://127.0.0.1:{port}/v1")))
    assert stage == "connect"
    assert f"127.0.0.1:{port}" in detail and "refused" in detail.lower()
    assert "firewall" in cure


def test_a_name_that_does_not_resolve() -> None:
    stage, detail, _cure = stopped_at(run(account("http://no-such-host.invalid/v1")))
    assert (stage, "no-such-host.invalid does not resolve" in detail) == ("address", True)


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "100.100.100.200"])
def test_an_address_that_is_never_dialled(host: str) -> None:
    stage, detail, _cure = stopped_at(run(account(f"http://{host}/latest")))
    assert (stage, "never dialled" in detail) == ("address", True)


def test_private_addresses_in_full_mode(vendor: servers.Vendor, settings) -> None:
    settings.EMBEDDED = False
    tested = account(url(vendor, host="localhost"))
    stage, detail, _cure = stopped_at(run(tested))
    assert (stage, "private" in detail) == ("address", True)
    assert not vendor.seen
    tested.provider.private = True
    assert run(tested).ok


class TestCredential:
    def test_none_where_one_is_needed(self, vendor: servers.Vendor) -> None:
        assert stopped_at(run(account(url(vendor), credential="")))[0] == "credential"
        assert not vendor.seen

    def test_none_where_none_is_needed(self, vendor: servers.Vendor) -> None:
        report = run(account(url(vendor), credential="", signer="none"))
        assert report.ok
        assert "authorization" not in vendor.seen[0][1]

    @pytest.mark.parametrize("credential", [f" {KEY}", f'"{KEY}"', f"{KEY}\n", "sk-\u200bzero-width"])
    def test_pasted_wrongly(self, vendor: servers.Vendor, credential: str) -> None:
        assert stopped_at(run(account(url(vendor), credential=credential)))[0] == "credential"
        assert not vendor.seen

    def test_a_seal_of_another_master_key(self, vendor: servers.Vendor, settings) -> None:
        tested = account(url(vendor))
        settings.MASTER_KEYS = ["another-master-key-of-enough-length"]
        stage, _detail, cure = stopped_at(run(tested))
        assert (stage, "MASTER_KEYS" in cure) == ("credential", True)


class TestTls:
    def test_a_certificate_that_nobody_vouches_for(self, certificate: tuple[Path, Path]) -> None:
        with servers.vendor(certificate) as vendor:
            stage, detail, _cure = stopped_at(run(account(url(vendor, "https", "localhost"))))
            assert (stage, "self-signed" in detail or "self signed" in detail) == ("TLS", True)
            assert not vendor.seen, "the key was sent over a connection that is not trusted"

    def test_a_certificate_that_is_trusted(self, certificate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with servers.vendor(certificate) as vendor:
            report = run(account(url(vendor, "https", "localhost")))
            assert report.ok, report
            assert vendor.seen[0][1]["host"] == f"localhost:{vendor.port}"

    def test_a_certificate_of_another_name(self, certificate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with servers.vendor(certificate) as vendor:
            assert stopped_at(run(account(url(vendor, "https"))))[0] == "TLS"

    def test_plain_http_behind_https(self) -> None:
        with servers.silent_port() as port:
            stage, _detail, cure = stopped_at(run(account(f"https://127.0.0.1:{port}/v1"), timeout_s=0.4))
            assert (stage, "http://" in cure) == ("TLS", True)


@pytest.fixture(params=["http", "socks5"])
def open_proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A proxy without a password, of either kind."""
    running = servers.tinyproxy(tmp_path) if request.param == "http" else servers.microsocks()
    with running as port:
        yield f"{request.param}://127.0.0.1:{port}"


@pytest.fixture(params=["http", "socks5"])
def locked_proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A proxy with a password, of either kind: (its URL with the password, its URL with a wrong one)."""
    plain = "p-canary-8351"
    running = (
        servers.tinyproxy(tmp_path, "gate", plain)
        if request.param == "http"
        else servers.microsocks("gate", plain)
    )
    with running as port:
        yield (
            f"{request.param}://gate:{plain}@127.0.0.1:{port}",
            f"{request.param}://gate:{quote(PASSWORD, safe='')}@127.0.0.1:{port}",
        )


class TestThroughAProxy:
    def test_https(self, open_proxy: str, certificate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with servers.vendor(certificate) as vendor:
            report = run(account(url(vendor, "https", "localhost"), proxy=open_proxy), timeout_s=5)
            assert report.ok, report
            assert "resolved by the proxy" in report.stages[1].detail
            assert open_proxy in report.stages[2].detail
            assert vendor.seen[0][1]["authorization"] == f"Bearer {KEY}"

    def test_http(self, open_proxy: str, vendor: servers.Vendor) -> None:
        report = run(account(url(vendor), proxy=open_proxy), timeout_s=5)
        assert report.ok, report
        if open_proxy.startswith("http:"):
            assert "via" in vendor.seen[0][1], "it did not go through the proxy"

    def test_a_password_that_is_right(self, locked_proxy: tuple[str, str], vendor: servers.Vendor) -> None:
        report = run(account(url(vendor), proxy=locked_proxy[0]), timeout_s=5)
        assert report.ok, report
        assert "p-canary-8351" not in repr(report)
        assert base64.b64encode(b"gate:p-canary-8351").decode() not in repr(report)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_password_that_is_wrong(
        self, locked_proxy: tuple[str, str], vendor: servers.Vendor, scheme: str
    ) -> None:
        stage, detail, cure = stopped_at(run(account(url(vendor, scheme), proxy=locked_proxy[1]), timeout_s=5))
        assert (stage, "407" in detail) == ("connect", True)
        assert "user:password" in cure
        assert not vendor.seen, "it went around the proxy"

    def test_the_provider_is_not_reached(self, open_proxy: str) -> None:
        port = free_port()
        stage, detail, _cure = stopped_at(
            run(account(f"https://127.0.0.1:{port}/v1", proxy=open_proxy), timeout_s=5)
        )
        assert (stage, "did not connect to the provider" in detail) == ("connect", True)

    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    def test_a_dead_proxy_is_never_gone_around(self, vendor: servers.Vendor, scheme: str) -> None:
        tested = account(url(vendor), proxy=f"{scheme}://127.0.0.1:{free_port()}")
        stage, detail, _cure = stopped_at(run(tested))
        assert (stage, "the proxy" in detail) == ("connect", True)
        assert not vendor.seen

    def test_an_inactive_proxy_is_never_gone_around(self, vendor: servers.Vendor) -> None:
        tested = account(url(vendor), proxy="http://127.0.0.1:9")
        tested.proxy.is_active = False
        stage, detail, _cure = stopped_at(run(tested))
        assert (stage, "inactive" in detail) == ("connect", True)
        assert not vendor.seen

    def test_something_that_is_no_socks_proxy(self, vendor: servers.Vendor) -> None:
        tested = account(url(vendor), proxy=f"socks5://127.0.0.1:{vendor.port}")
        assert stopped_at(run(tested))[0] == "connect"

    def test_a_proxy_at_a_forbidden_address(self) -> None:
        tested = account("https://api.example.com/v1", proxy="http://169.254.169.254:80")
        assert stopped_at(run(tested))[0] == "connect"


def test_the_environment_names_no_proxy(vendor: servers.Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    assert run(account(url(vendor))).ok


def test_the_demo_provider_calls_nobody() -> None:
    report = run(account(DEMO_URL, credential="", signer="none"))
    assert report.ok
    assert all("demo" in stage.detail for stage in report.stages)
