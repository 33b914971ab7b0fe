"""Which images there are, what each is built from, and what is prepared first (docs/contract.md: what they hold)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.designs.design_layout import DesignImage
from testbed.designs.layout_registry import DEFAULT_NAME, LAYOUTS
from testbed.errors import UsageError
from testbed.images.build_inputs import BuildInput, installed_disk, mailboxes, wheels

OPENBSD_BALANCER = "lb-openbsd"


@dataclass(frozen=True)
class Choices:
    """What the topology leaves open about images.

    Args:
        releases: Debian code name of ``base``, ``app`` and ``vm``.
        filesystem: of the database's data disk, where the database design has one.
        mail_users: how many users have mail.
        mail_seed: seed of their mail.
        openbsd_disk: the disk that OpenBSD was installed on, None where it has not been.
        prefix: what the images' names begin with.
        design: the database design; images of the others are optional.
    """

    releases: Mapping[str, str]
    filesystem: str | None
    mail_users: int
    mail_seed: int
    openbsd_disk: Path | None = None
    prefix: str = "testbed"
    design: str = DEFAULT_NAME


@dataclass(frozen=True)
class Image:
    """An image of the cluster.

    Args:
        tag: its name in the engine.
        folder: its build context; None for a base image, which is a Debian release and nothing else.
        release: the Debian release of a base image.
        bases: build argument to the tag of the image it is built on.
        args: build arguments that are plain values.
        build_inputs: what is put into ``build/`` of the context before.
        optional: no cluster of the base topology needs it: built only when it is named.
    """

    tag: str
    folder: Path | None = None
    release: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    build_inputs: tuple[BuildInput, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """Short name: ``lb``, or ``base-bookworm``."""
        return self.tag.rpartition("/")[2].replace(":", "-")


def base_tag(prefix: str, release: str) -> str:
    """Return the tag of a release's base image."""
    return f"{prefix}/base:{release}"


def catalogue(root: Path, choices: Choices) -> dict[str, Image]:
    """Return all images by tag.

    Args:
        root: the checkout.
        choices: from the topology.
    """
    prefix = choices.prefix
    base, app, vm = (base_tag(prefix, choices.releases[name]) for name in ("base", "app", "vm"))
    folder = root / "images"
    mail = mailboxes(folder / "mail", choices.mail_users, choices.mail_seed)
    python = wheels(folder / "client", root / "requirements" / "client.txt", choices.releases["base"])
    releases = dict.fromkeys(choices.releases[name] for name in ("app", "base", "vm"))
    images = [  # in the order in which to begin: the longest chain is base, app, schema, and the database's image
        *(Image(base_tag(prefix, release), release=release) for release in releases),
        Image(f"{prefix}/app", folder / "app", bases={"BASE": app}),
        Image(f"{prefix}/preload", folder / "preload", bases={"BASE": base}),
        Image(f"{prefix}/vm", folder / "vm", bases={"BASE": vm}),
        Image(f"{prefix}/schema", folder / "schema", bases={"BASE": f"{prefix}/app"}),
        *(
            _of_design(folder, choices, image, optional=name != choices.design)
            for name, layout in LAYOUTS.items()
            for image in layout.images
        ),
        Image(f"{prefix}/mail", folder / "mail", bases={"BASE": base}, build_inputs=(mail,)),
        Image(f"{prefix}/client", folder / "client", bases={"BASE": base}, build_inputs=(python,)),
        Image(f"{prefix}/lb", folder / "lb", bases={"BASE": base, "PRELOAD": f"{prefix}/preload"}),
        Image(f"{prefix}/gateway", folder / "gateway", bases={"BASE": base}),
        Image(f"{prefix}/bench", folder / "bench", bases={"BASE": base}, optional=True),
        Image(f"{prefix}/single", folder / "single", bases={"BASE": f"{prefix}/schema"}, optional=True),
        Image(f"{prefix}/openbsd-installer", folder / "openbsd", bases={"VM": f"{prefix}/vm"}, optional=True),
    ]
    if choices.openbsd_disk is not None:
        disk = installed_disk(folder / "lb-openbsd", choices.openbsd_disk)
        images.append(
            Image(
                f"{prefix}/{OPENBSD_BALANCER}",
                folder / "lb-openbsd",
                bases={"VM": f"{prefix}/vm"},
                build_inputs=(disk,),
                optional=True,
            )
        )
    return {image.tag: image for image in images}


def _of_design(folder: Path, choices: Choices, image: DesignImage, *, optional: bool) -> Image:
    """Return an image of a database design."""
    bases = {
        argument: f"{choices.prefix}{base}"
        if base.startswith("/")
        else base_tag(choices.prefix, choices.releases[base])
        for argument, base in image.bases.items()
    }
    args = {"FILESYSTEM": choices.filesystem} if image.has_filesystem and choices.filesystem else {}
    return Image(f"{choices.prefix}/{image.name}", folder / image.name, bases=bases, args=args, optional=optional)


def select(images: Mapping[str, Image], names: Sequence[str]) -> list[Image]:
    """Return the named images and all they are built on, each after what it needs.

    Args:
        images: all images by tag.
        names: short names; none means all that are not optional.

    Raises:
        UsageError: a name is unknown.
    """
    by_name = {image.name: image for image in images.values()}
    for name in names:
        if name not in by_name:
            raise UsageError(f"no image {name!r}", fix=f"images are: {', '.join(by_name)}")
    ordered: dict[str, Image] = {}

    def add(images_to_add: Iterable[Image]) -> None:
        for image in images_to_add:
            add(images[tag] for tag in image.bases.values())
            ordered[image.tag] = image

    add([by_name[name] for name in names] or [image for image in images.values() if not image.optional])
    return list(ordered.values())
