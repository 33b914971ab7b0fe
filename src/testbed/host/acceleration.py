"""Whether hardware virtualisation truly works here: a tiny guest must run, within seconds."""

from __future__ import annotations

import io
import json
import os
import platform
import tarfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from testbed.errors import TestbedError
from testbed.host import guest_probe, identity
from testbed.output_line import last_line
from testbed.settings import CLUSTER_LABEL, Settings

KVM = Path("/dev/kvm")
IMAGE = "vm"
SECONDS = 5.0
LABEL = "org.testbed.probe"

Kind = Literal["kvm", "tcg"]


@dataclass(frozen=True)
class Acceleration:
    """How the VMs run.

    Args:
        kind: ``kvm`` by hardware, ``tcg`` in software (about ten times slower).
        reason: why, one line.
    """

    kind: Kind
    reason: str


@dataclass(frozen=True)
class GuestRun:
    """How a run of the tiny guest ended.

    Args:
        status: QEMU's exit status, None when it had to be killed.
        output: what QEMU wrote.
    """

    status: int | None
    output: str

    @property
    def ran(self) -> bool:
        """Whether the guest ran to its end."""
        return self.status == guest_probe.EXIT_STATUS


def verdict(kvm: GuestRun, tcg: GuestRun | None = None) -> Acceleration:
    """Judge hardware virtualisation by a run under KVM and, when that failed, the same run in software.

    Raises:
        TestbedError: the guest does not run in software either, so the run under KVM proves nothing.
    """
    if kvm.ran:
        return Acceleration("kvm", "a guest ran under KVM")
    if tcg is None or not tcg.ran:
        reason = "" if tcg is None else f": status {tcg.status}: {tcg.output.strip()}"
        raise TestbedError(f"QEMU cannot even run a guest in software{reason}", where=IMAGE, fix="run `testbed build`")
    reason = last_line(kvm.output, otherwise=f"QEMU ended with status {kvm.status}")
    if kvm.status is None:
        return Acceleration("tcg", f"{KVM} is there, but a guest does not run: no sign of life in {SECONDS:g} s")
    if "permission denied" in reason.lower() or "not permitted" in reason.lower():
        return Acceleration("tcg", f"{KVM} is forbidden to containers here: {reason}")
    return Acceleration("tcg", f"{KVM} is there, but a guest does not run: {reason}")


def device_error(device: Path = KVM) -> str | None:
    """Return why the device itself cannot be used, None when it opens.

    One that is forbidden to this user may be of use all the same: the engine opens it for a container's root.
    """
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return f"{device} is missing: no hardware virtualisation, or the kvm module is not loaded"
    except PermissionError:
        return None
    except OSError as error:
        return f"{device} does not open: {error.strerror}"
    return None


def acceleration(settings: Settings, engine: docker.DockerClient, image: str = "") -> Acceleration:
    """Return how the VMs are to run on this host; probed once per boot, kernel and image.

    Args:
        settings: a choice of the user's, and where the answer is kept.
        engine: runs the tiny guest.
        image: has QEMU; by default the VM runner.

    Raises:
        TestbedError: the image is missing or its QEMU runs no guest at all.
    """
    if settings.accel is not None:
        return Acceleration("kvm" if settings.accel == "kvm" else "tcg", "set by TESTBED_ACCEL")
    trouble = device_error()
    if trouble is not None:
        return Acceleration("tcg", trouble)
    image = image or f"{settings.images}/{IMAGE}"
    try:
        image_id = str(engine.images.get(image).id)
    except ImageNotFound as error:
        raise TestbedError(
            "acceleration cannot be probed: no such image", where=image, fix="run `testbed build`"
        ) from error
    key = f"{platform.release()} {_boot_id()} {image_id}"
    known = _recall(settings, key)
    if known is not None:
        return known
    cluster = identity.ensure(settings)
    kvm = run_guest(engine, image, "kvm", cluster)
    found = verdict(kvm, None if kvm.ran else run_guest(engine, image, "tcg", cluster))
    path = _cache(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, **asdict(found)}))
    return found


def run_guest(engine: docker.DockerClient, image: str, accel: Kind, cluster: str, seconds: float = SECONDS) -> GuestRun:
    """Run the tiny guest in a container of its own, which is gone afterwards.

    Args:
        engine: runs the container.
        image: has QEMU.
        accel: ``kvm`` or ``tcg``.
        cluster: the cluster's identity, by which a container that a killed testbed left is removed.
        seconds: after which it is killed.
    """
    path = "/guest.bin"
    container = engine.containers.create(
        image,
        entrypoint=guest_probe.qemu_command(accel, path),
        command=[],
        devices=[str(KVM)] if accel == "kvm" else [],
        network_mode="none",
        cap_drop=["ALL"],
        labels={LABEL: accel, CLUSTER_LABEL: cluster},
    )
    try:
        container.put_archive("/", _archive("guest.bin", guest_probe.firmware()))
        container.start()
        try:
            status: int | None = container.wait(timeout=seconds)["StatusCode"]
        except requests.RequestException:
            with suppress(APIError):
                container.kill()
            status = None
        return GuestRun(status, container.logs().decode(errors="replace"))
    except APIError as error:
        return GuestRun(-1, str(error.explanation or error))
    finally:
        with suppress(DockerException, requests.RequestException):
            container.remove(force=True)


def _archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _cache(settings: Settings) -> Path:
    return settings.state_dir / "acceleration.json"


def _recall(settings: Settings, key: str) -> Acceleration | None:
    try:
        known = json.loads(_cache(settings).read_text())
        return Acceleration(known["kind"], known["reason"]) if known["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
