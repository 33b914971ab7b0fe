"""Which package a dependency means: packages-specs(7)."""

from __future__ import annotations

import pytest

from testbed.errors import TestbedError
from testbed.openbsd.media.package_name import PackageName, PackageVersion, choose, matches
from testbed.openbsd.media.packages import Depend, parse_contents


def names(*texts: str) -> list[PackageName]:
    return [name for name in map(PackageName.parse, texts) if name]


# The first column is older. From packages-specs(7), and versions that OpenBSD's packages really have.
OLDER = [
    ("1.001", "1.002"),
    ("1.002", "1.0010"),
    ("1.0alpha5", "1.0beta3"),
    ("1.0beta3", "1.0rc1"),
    ("1.0rc1", "1.0"),
    ("1.0", "1.0pl1"),
    ("2.9.8", "2.9.8p0"),
    ("2.4.9", "2.4.66"),
    ("2.4.66p1", "2.4.66p10"),
    ("1.1.1a", "1.1.1w"),
    ("3.0", "3.0.1"),
    ("9.9", "1.0v0"),
    ("1.0v0", "0.1v1"),
]


@pytest.mark.parametrize(("older", "newer"), OLDER)
def test_versions_are_ordered_as_pkg_add_orders_them(older: str, newer: str) -> None:
    assert PackageVersion.parse(older).compare(PackageVersion.parse(newer)) < 0
    assert PackageVersion.parse(newer).compare(PackageVersion.parse(older)) > 0


def test_versions_that_are_equal_or_not_comparable_are_neither_older_nor_newer() -> None:
    assert PackageVersion.parse("1.01").compare(PackageVersion.parse("1.1")) == 0
    assert PackageVersion.parse("1.0rc2").compare(PackageVersion.parse("1.0pre3")) == 0


@pytest.mark.parametrize(
    ("text", "stem", "flavors"),
    [
        ("apr-util-1.6.3p2-ldap", "apr-util", {"ldap"}),
        ("apr-util-1.6.3p2", "apr-util", set()),
        ("libstdc++-8.4.0p22", "libstdc++", set()),
        ("vim-9.1.1706-gtk3-lua", "vim", {"gtk3", "lua"}),
        ("p5-HTTP-Date-6.06", "p5-HTTP-Date", set()),
    ],
)
def test_a_name_is_split_before_its_version(text: str, stem: str, flavors: set[str]) -> None:
    name = PackageName.parse(text)
    assert name
    assert name.stem == stem
    assert name.flavors == frozenset(flavors)


def test_what_has_no_version_is_no_package() -> None:
    assert PackageName.parse("base80") is None
    assert PackageName.parse("index.txt") is None


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("apr-*", "apr-1.7.6"),
        ("apr->=1.7", "apr-1.7.6"),
        ("apr->=1.7,<2", "apr-1.7.6p1"),
        ("apr-1.7.6", "apr-1.7.6p3"),
        ("apr-=1.7.6", "apr-1.7.6"),
        ("apr-util-*-!ldap", "apr-util-1.6.3p2"),
        ("apr-util-*-ldap", "apr-util-1.6.3p2-ldap"),
        ("apr-util-*", "apr-util-1.6.3p2-ldap"),
        ("exim-*|postfix-*", "postfix-3.9.1"),
        ("libstdc++-*", "libstdc++-8.4.0p22"),
        ("php-*-!apache-mysql,pgsql", "php-8.3.1-pgsql"),
    ],
)
def test_a_specification_means(spec: str, name: str) -> None:
    assert matches(spec, names(name)[0])


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("apr-*", "apr-util-1.6.3"),
        ("apr->=1.8", "apr-1.7.6"),
        ("apr->=1.7,<1.7.6", "apr-1.7.6"),
        ("apr-1.7.6p2", "apr-1.7.6p3"),
        ("apr-util-*-!ldap", "apr-util-1.6.3p2-ldap"),
        ("apr-util-*-ldap", "apr-util-1.6.3p2"),
        ("db->=3,<4", "db-4.6.21p7v0"),
        ("apr", "apr-1.7.6"),
        ("a.r-*", "apr-1.7.6"),
    ],
)
def test_a_specification_does_not_mean(spec: str, name: str) -> None:
    assert not matches(spec, names(name)[0])


def test_the_newest_is_taken() -> None:
    held = names("apr-1.7.4", "apr-1.7.10", "apr-1.7.9p3", "apr-util-9.0")
    chosen = choose("apr-*", "apr-1.7.4", held)
    assert chosen is not None
    assert chosen.text == "apr-1.7.10"


def test_of_several_flavours_the_default_is_taken_else_the_first_by_name() -> None:
    held = names("apr-util-1.6.3-ldap", "apr-util-1.6.3")
    assert choose("apr-util-*", "apr-util-1.6.3-ldap", held) == held[0]
    assert choose("apr-util-*", "apr-util-1.6.1", held) == held[1]


def test_nothing_is_taken_where_nothing_matches() -> None:
    assert choose("apr->=2", "apr-2.0", names("apr-1.7.4")) is None


def test_a_packing_list_gives_its_name_and_dependencies() -> None:
    text = (
        "@name apache-httpd-2.4.66\n@comment pkgpath=www/apache-httpd ftp=yes\n@arch amd64\n+DESC\n"
        "@depend devel/apr:apr->=1.7:apr-1.7.6\n@depend devel/pcre2:pcre2-*:pcre2-10.44\n@wantlib c.102.0\n"
    )
    packing = parse_contents(text, "apache")
    assert packing.name == "apache-httpd-2.4.66"
    assert packing.arch == "amd64"
    assert packing.depends == (Depend("apr->=1.7", "apr-1.7.6"), Depend("pcre2-*", "pcre2-10.44"))


@pytest.mark.parametrize("text", ["", "@arch amd64\n", "@name a-1\n@depend apr-*\n"])
def test_a_packing_list_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(TestbedError, match="made-1"):
        parse_contents(text, "made-1")
