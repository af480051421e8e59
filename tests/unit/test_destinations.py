"""Where a push may go: every special address, every odd spelling of a URL."""

import pytest

from ledger.core.destinations import is_public, parse_destination
from ledger.core.errors import MalformedError

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2600::1",
    "2a00:1450:4001::200e", "2001:200::1", "64:ff9b::808:808", "2003::1",
]  # fmt: skip
CLOSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.0",  # noqa: S104 -- to be refused
    "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "100.100.100.200", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0",
    "169.254.169.254", "169.254.170.2", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1",
    "fe80::1", "fe80::1%eth0", "2600::1%eth0", "fec0::1", "ff02::1", "",
    "localhost", "1.2.3", "0177.0.0.1", "127.0.0.1:80",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_may_be_called(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_everything_else_may_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://client.example.com/queryCallback", "client.example.com", "/queryCallback"),
        ("https://client.example.com", "client.example.com", "/"),
        ("https://Client.example.com:443/a?b=c&d", "client.example.com", "/a?b=c&d"),
        ("https://client.example.com:8443/", "client.example.com:8443", "/"),
        ("https://8.8.8.8/x", "8.8.8.8", "/x"),
        ("https://[2600::1]:444/x", "[2600::1]:444", "/x"),
        ("https://a_b.example.com./x", "a_b.example.com.", "/x"),
    ],
)
def test_a_url_is_taken_apart(url: str, authority: str, target: str) -> None:
    found = parse_destination(url, allow_http=False, allow_private=False)
    assert (found.authority, found.target) == (authority, target)


@pytest.mark.parametrize(
    "url",
    [
        "", "client.example.com", "//client.example.com/", "http://client.example.com/",
        "ftp://client.example.com/", "file:///etc/passwd", "gopher://client.example.com/",
        "https:///path", "https://", "https://user@client.example.com/",
        "https://user:password@client.example.com/", "https://8.8.8.8@127.0.0.1/",
        "https://client.example.com/#fragment", "https://client.example.com:0/",
        "https://client.example.com:99999/", "https://client.example.com:x/",
        "https://127.0.0.1\\@client.example.com/", "https://client.example.com/a b",
        "https://client.example.com/\r\nHost: other", "https://client.example.com/\x00",
        "https://clïent.example.com/", "https://%31%32%37.0.0.1/", "https://-a.example.com/",
        "https://a..example.com/", "https://.example.com/", "https://example.com../",
        "https://a-.example.com/", f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 127}example.com/",
        "https://localhost/", "https://LOCALHOST:8443/", "https://localhost./", "https://a.localhost/",
        "https://printer.local/", "https://127.0.0.1/", "https://10.1.2.3/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://169.254.169.254/latest",
        "https://[fe80::1%25eth0]/", "https://client.example.com/" + "a" * 2_048,
    ],
)  # fmt: skip
def test_a_url_that_may_not_be_called_is_refused_by_name(url: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_destination(url, allow_http=False, allow_private=False)
    assert refused.value.field == "dest"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "http://localhost/", "http://[::1]:9/", "https://10.0.0.1/"]
)
def test_an_operator_may_allow_both(url: str) -> None:
    assert parse_destination(url, allow_http=True, allow_private=True).target == "/"


def test_allowing_one_does_not_allow_the_other() -> None:
    with pytest.raises(MalformedError):
        parse_destination("http://127.0.0.1/", allow_http=True, allow_private=False)
    with pytest.raises(MalformedError):
        parse_destination("http://127.0.0.1/", allow_http=False, allow_private=True)
