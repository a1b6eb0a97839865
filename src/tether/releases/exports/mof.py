"""`mof.yml`: the components of a release as the Model Openness Tool reads them.

Source: the schema of the Model Openness Tool (LF AI & Data), for the framework 1.0. It asks for all of its
fields; what nobody said is empty in it, as in its own sample.
"""

from datetime import datetime
from typing import Any

from tether.releases.completeness import COMPONENTS, Component
from tether.releases.exports.markup import plain, yaml
from tether.releases.manifest import Manifest, Part, is_included

_NAMES = (
    ("Model architecture", "What computes: layers and how they hang together", "model architecture"),
    ("Data preprocessing code", "What makes inputs of the model out of raw data", "data preprocessing code"),
    ("Training code", "What made the weights", "training code"),
    ("Inference code", "What runs the model on new inputs", "inference code"),
    ("Evaluation code", "What measures how good the model is", "evaluation code"),
    ("Supporting libraries and tools", "Other code that the model needs", "supporting libraries"),
    ("Model parameters (Final)", "The weights", "final parameters"),
    ("Model parameters (Intermediate)", "Weights from the time of the training", "intermediate parameters"),
    ("Datasets", "The data that the model learned from", "datasets"),
    ("Evaluation data", "The data that it was measured on", "evaluation data"),
    ("Model metadata", "The record of the training", None),
    ("Sample model outputs", "Examples of what the model gives", "sample outputs"),
    ("Model card", "What the model is, for people", "model card"),
    ("Data card", "What the data is, for people", "data card"),
    ("Technical report", "How the model was made and does", "technical report"),
    ("Research paper", "The work behind it", "research paper"),
    ("Evaluation results", "What was measured", "evaluation results"),
)
"""The name that the tool has for it, what it is, and the name of the component here."""
_COMPONENTS = {component.name: component for component in COMPONENTS}


def _runs(manifest: Manifest) -> list[Part]:
    return [manifest.run] if manifest.run is not None else []


_METADATA = Component("model metadata", "data", None, _runs, "--run RUN")


def mof(manifest: Manifest) -> tuple[str, tuple[str, ...]]:
    """Return the file, and what it should say but nobody knows."""
    rows = [_row(manifest, name, said, ours) for name, said, ours in _NAMES]
    release = {
        "name": manifest.name,
        "version": manifest.version,
        "date": datetime.fromisoformat(manifest.created).date().isoformat(),
        "type": "",
        "architecture": "",
        "origin": plain(", ".join(f"{base.name}@{base.version}" for base in manifest.bases)),
        "producer": plain(manifest.creator.name),
        "contact": plain(manifest.creator.email),
        "components": rows,
    }
    framework = {"name": "Model Openness Framework", "version": "1.0", "date": "2024-12-15"}
    missing = ["type", "architecture"]
    missing += [f"component: {row['name']}" for row in rows if not row["location"]]
    missing += [f"licence: {row['name']}" for row in rows if row["location"] and not row["license_name"]]
    return yaml({"framework": framework, "release": release}), tuple(missing)


def _row(manifest: Manifest, name: str, said: str, ours: str | None) -> dict[str, Any]:
    component = _COMPONENTS[ours] if ours is not None else _METADATA
    parts = [part for part in component.find(manifest) if is_included(part)]
    licences = dict.fromkeys(licence for part in parts if (licence := manifest.licence_of(part)))
    texts = [part.path for part in manifest.documents if part.role == "licence"]
    return {
        "name": name,
        "description": said,
        "location": plain(", ".join(part.path for part in parts)),
        "license_name": plain(" AND ".join(licences)),
        "license_path": plain(texts[0]) if texts and licences else "",
    }
