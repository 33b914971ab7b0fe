"""Nothing outside a database design's package names it."""

from __future__ import annotations

from pathlib import Path

import design_names


def test_no_module_names_a_design_that_is_not_its_own() -> None:
    more = design_names.counted()
    assert more == {}, "a design is named outside its package: ask the design (src/testbed/designs/database_design.py)"


def test_a_module_that_names_a_design_is_found(tmp_path: Path) -> None:
    source = tmp_path / "src" / "testbed" / "cluster" / "state.py"
    source.parent.mkdir(parents=True)
    source.write_text("# DRBD decides.\nstate = drbd_role\n")
    other = source.with_name("repair.py")
    other.write_text('if design == "streaming":\n    run("pg_rewind")\n')
    own = tmp_path / "src" / "testbed" / "designs" / "drbd" / "design.py"
    own.parent.mkdir(parents=True)
    own.write_text("# DRBD\n")
    assert design_names.counted(tmp_path) == {"src/testbed/cluster/repair.py": 2, "src/testbed/cluster/state.py": 2}
