"""Overlays of params.yaml: merged on top of it key by key, while lists and values are replaced."""


def merge(base: dict, overlay: dict) -> None:
    """Merge `overlay` into `base`, whose keys stay in their order."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
