"""Nothing outside their packages names what moves an address, or the server that balances."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import seam_names

SOURCES = seam_names.REPOSITORY / "src" / "testbed"


def test_no_module_names_what_is_not_its_own() -> None:
    more = seam_names.counted()
    assert more == {}, "ask src/testbed/addresses/address_registry.py or src/testbed/balancers/balancer_registry.py"


@pytest.mark.parametrize("word", seam_names.PUBLISHED)
def test_each_published_word_is_in_use(word: str) -> None:
    assert any(re.search(word, path.read_text()) for path in SOURCES.rglob("*.py"))


@pytest.mark.parametrize("module", seam_names.ALLOWED)
def test_each_allowed_module_needs_it(module: str) -> None:
    text = (SOURCES / module).read_text()
    assert any(names.search(text) for names in seam_names.NAMES.values())


def test_a_module_that_names_another_packages_mechanism_is_found(tmp_path: Path) -> None:
    source = tmp_path / "src" / "testbed"
    texts = {
        "cluster/state.py": "# UCARP decides.\nstate = keepalived(Aspect.CARP)\n",
        "cluster/repair.py": 'if status == "Init HcFl":\n    reload("httpd.conf")\n',
        "addresses/ucarp.py": "# UCARP\n",
        "balancers/apache/server.py": "# VRRP before Apache\n",
    }
    for name, text in texts.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    found = {"balancers/apache/server.py": 1, "cluster/repair.py": 2, "cluster/state.py": 2}
    assert seam_names.counted(tmp_path) == found
