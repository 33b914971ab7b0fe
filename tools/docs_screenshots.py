"""Pictures of reports for the documentation: the page of a run, written again, as a browser shows it.

`python tools/docs_screenshots.py .testbed/runs/RUN docs/assets/NAME.webp [--height 1000]` takes one. It needs Chromium,
which writes WebP or PNG as the name ends.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from testbed import report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A page of the documentation should open at once.
MOST_BYTES = 200_000


def take(run: Path, picture: Path, width: int, height: int) -> None:
    """Write a run's report again and take a picture of its beginning.

    Args:
        run: the run's folder.
        picture: the file to write, WebP or PNG.
        width: of the browser's window, pixels.
        height: likewise.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"no browser: install one of {', '.join(BROWSERS)}")
    report.write_report(run)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={profile}", f"--window-size={width},{height}", "--force-device-scale-factor=1",
                "--virtual-time-budget=3000", f"--screenshot={picture.resolve()}",
                (run / "report.html").resolve().as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    if picture.stat().st_size > MOST_BYTES:
        sys.exit(f"{picture} has {picture.stat().st_size} bytes, more than {MOST_BYTES}: choose a smaller --height")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1100)
    parser.add_argument("--height", type=int, default=1000)
    given = parser.parse_args()
    take(given.run, given.picture, given.width, given.height)


if __name__ == "__main__":
    main()
