"""The cluster's images: what each is made of, and building those that changed."""

from testbed.images.builder import build_images
from testbed.images.image_catalogue import Choices

__all__ = ["Choices", "build_images"]
