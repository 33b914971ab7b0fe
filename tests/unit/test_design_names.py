"""Nothing outside a database design's package names it, but for what is still on the list."""

from __future__ import annotations

from pathlib import Path

import design_names


def test_no_module_names_a_design_more_often_than_the_list_allows() -> None:
    allowed = design_names.remainder()
    more = {
        path: f"{count} times, {allowed.get(path, 0)} allowed"
        for path, count in design_names.counted().items()
        if count > allowed.get(path, 0)
    }
    assert more == {}, "a design is named outside its package: ask the design (src/testbed/designs/database_design.py)"


def test_the_list_has_no_more_than_the_modules_do() -> None:
    counted = design_names.counted()
    remainder = design_names.remainder()
    fewer = {path: counted.get(path, 0) for path, count in remainder.items() if counted.get(path, 0) < count}
    assert fewer == {}, "fewer than the list allows: write the list again with `python tests/unit/design_names.py`"


def test_a_module_that_names_a_design_is_found(tmp_path: Path) -> None:
    source = tmp_path / "src" / "testbed" / "cluster" / "state.py"
    source.parent.mkdir(parents=True)
    source.write_text("# DRBD decides.\nstate = drbd_role\n")
    own = tmp_path / "src" / "testbed" / "designs" / "drbd" / "design.py"
    own.parent.mkdir(parents=True)
    own.write_text("# DRBD\n")
    assert design_names.counted(tmp_path) == {"src/testbed/cluster/state.py": 2}
