"""TLS at the site's door, graded by sslscan from where the clients are."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from echo import Echo
from outside import beside
from testbed.cluster import Cluster
from testbed.topology import Role

GOOD_VERSIONS = {"TLSv1.2", "TLSv1.3"}
# sslscan's words for a cipher; the rest are "medium", "weak", "null", "anonymous". TLS 1.3's it calls acceptable.
GOOD = {"strong", "acceptable"}


def graded(cluster: Cluster, name: str) -> ET.Element:
    """What sslscan says of the site, of lb1 or of lb2."""
    topology = cluster.topology
    address = topology.site.address if name == "site" else topology.nodes[name].addresses["public"]
    client = topology.of_role(Role.CLIENT)[0].name
    scan = ["sslscan", "--xml=-", f"--sni-name={topology.site.name}", f"{address}:443"]
    found = ET.fromstring(beside(cluster, client, scan)).find("ssltest")  # noqa: S314
    assert found is not None, f"{name}: it could not be tried"
    return found


@pytest.mark.parametrize("name", ["site", "lb1", "lb2"])
def test_only_what_is_known_to_be_safe_is_offered(cluster: Cluster, name: str, echo: Echo) -> None:
    report = graded(cluster, name)
    versions = {f"{each.get('type')} {each.get('version')}" for each in report.iter("protocol") if on(each, "enabled")}
    assert versions == {"tls 1.2", "tls 1.3"}
    ciphers = [each.attrib for each in report.iter("cipher")]
    assert {each["sslversion"] for each in ciphers} == GOOD_VERSIONS
    for each in ciphers:
        assert each["strength"] in GOOD, each
        assert int(each["bits"]) >= 128, each
        # Forward secrecy: each of TLS 1.3 has it, of TLS 1.2 those that agree on a key by (EC)DHE.
        assert each["sslversion"] == "TLSv1.3" or each["cipher"].startswith("ECDHE-"), each
        assert each["cipher"].endswith(
            ("GCM-SHA256", "GCM-SHA384", "_GCM_SHA256", "_GCM_SHA384", "POLY1305", "_SHA256")
        )
    assert all(int(each.get("bits", 0)) >= 112 for each in report.iter("group"))
    bleeding = [each.get("vulnerable") for each in report.iter("heartbleed")]
    assert bleeding
    assert set(bleeding) == {"0"}
    assert not any(on(each, "supported") and not on(each, "secure") for each in report.iter("renegotiation"))
    assert report.findtext(".//expired") == "false"
    assert report.findtext(".//signature-algorithm") in ("ecdsa-with-SHA256", "sha256WithRSAEncryption")
    echo(f"{name}: {', '.join(sorted(versions))}; {', '.join(each['cipher'] for each in ciphers)}")


def test_the_grader_sees_a_weak_server(cluster: Cluster) -> None:
    """Were TLS 1.0 and an old cipher on offer, the scanner would show them: it is tried on a server that has them."""
    server = (
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /k -out /c -days 1 -subj /CN=weak 2>/dev/null;"
        "openssl s_server -quiet -accept 4433 -key /k -cert /c -cipher ALL:@SECLEVEL=0 -no_tls1_3 >/dev/null 2>&1 &"
        "sleep 2; sslscan --xml=- 127.0.0.1:4433"
    )
    report = ET.fromstring(beside(cluster, "observer", ["sh", "-c", server]))  # noqa: S314
    versions = {f"{each.get('type')} {each.get('version')}" for each in report.iter("protocol") if on(each, "enabled")}
    assert "tls 1.0" in versions
    assert {each.get("strength") for each in report.iter("cipher")} - GOOD


def on(element: ET.Element, attribute: str) -> bool:
    return element.get(attribute) == "1"
