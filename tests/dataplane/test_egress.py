"""Which addresses may be dialled; the disguises are those that proxies and libraries have fallen for."""

import pytest

from gateway.dataplane.egress import ForbiddenAddress, check_address, check_url

NEVER = ["169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254", "100.100.100.200", "192.0.0.192"]
NEVER += ["fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"]
PRIVATE = ["127.0.0.1", "127.8.8.8", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"]
PRIVATE += ["::ffff:10.0.0.1", "::ffff:127.0.0.1"]
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private_ok", [True, False])
def test_never(address: str, private_ok: bool) -> None:
    with pytest.raises(ForbiddenAddress):
        check_address(address, private_ok=private_ok)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_only_where_allowed(address: str) -> None:
    check_address(address, private_ok=True)
    with pytest.raises(ForbiddenAddress, match="private"):
        check_address(address, private_ok=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    check_address(address, private_ok=False)


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/v1", "http://127.0.0.1:11434/v1", "http://localhost:8080", "http://[::1]:8000/v1"]
    + ["https://api2.example.com.", "https://1password.example/v1"],
)
def test_a_base_url(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com", "file:///etc/passwd", "gopher://example.com", "example.com/v1", "", "https://", "//x/v1"]
    + ["https://user:pass@example.com", "https://@example.com", "https://example.com?x=1", "https://example.com#x"]
    + ["https://example.com\\@169.254.169.254/", "http://169.254.169.254/latest", "http://[fe80::1]/"]
    + ["http://[::ffff:169.254.169.254]/"],
)
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url)


@pytest.mark.parametrize(
    "host",
    ["2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518", "127.1", "0"]
    + ["169.254.169.254."],
)
def test_an_ip_address_in_disguise(host: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(f"http://{host}/")


def test_a_private_literal_where_it_is_not_allowed() -> None:
    with pytest.raises(ForbiddenAddress, match="mark the provider or proxy as private"):
        check_url("http://10.0.0.5/v1", private_ok=False)
