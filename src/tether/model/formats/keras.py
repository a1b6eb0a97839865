"""Keras 3: an archive with the configuration of the layers, and their weights in HDF5.

Source: keras/src/saving/saving_lib.py of the Keras project.
"""

from dataclasses import replace

from tether.model.facts import Caution, ModelFacts, Tensor, shortened
from tether.model.formats.hdf5 import reading as hdf5
from tether.model.formats.kerasconfig import WHAT, inspect
from tether.model.formats.zips import Archive
from tether.model.source import PartSource, Source

CONFIG, METADATA = "config.json", "metadata.json"
_WEIGHTS = ".weights.h5"


def read(source: Source, _name: str) -> ModelFacts:
    """Return the layers and weights of a Keras model and where they come from.

    Raises:
        InvalidInput: The archive, its configuration or its weights are not sound.
        Unsupported: Its weights are of a version of HDF5 that is not known.
    """
    archive = Archive(source, WHAT)
    config, metadata = archive.json(CONFIG), archive.json(METADATA)
    tensors: list[Tensor] = []
    warnings: list[Caution] = []
    for name in sorted(each for each in archive.names if each.endswith(_WEIGHTS)):
        found, cautions = _weights(archive, name)
        tensors += found
        warnings += cautions
    layers, more = inspect(config)
    facts = {key: shortened(value) for key, value in metadata.items()}
    facts |= {"class": shortened(config.get("class_name")), "layers": layers}
    version = metadata.get("keras_version")
    named = str(version)[:100] if version else None
    return ModelFacts("keras", named, tuple(tensors), facts, warnings=(*warnings, *more))


def _weights(archive: Archive, name: str) -> tuple[list[Tensor], tuple[Caution, ...]]:
    """Return the tensors of a file of weights, with their places in the archive."""
    place = archive.member(name).place
    if place.packing != "raw":
        text = f"tensors in {name[:100]} are not read, since it is compressed in the archive"
        return [], (Caution("not-read", text),)
    found = hdf5.contents(PartSource(archive.source, place.offset, place.length))
    return [_moved(each, place.offset) for each in found.tensors], found.warnings


def _moved(tensor: Tensor, by: int) -> Tensor:
    if tensor.place is None:
        return tensor
    return replace(tensor, place=tensor.place._replace(offset=tensor.place.offset + by))
