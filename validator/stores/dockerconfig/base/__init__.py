"""What stands in a docker config, and how a kubelet and docker read it."""

from validator.stores.dockerconfig.base.file import read_config
from validator.stores.dockerconfig.base.values import Config, Entry, Source

__all__ = ["Config", "Entry", "Source", "read_config"]
