"""Writes fixtures/pillow-masks.json: small masks as Pillow saves them, in every form that a mask may have.

    python write_pillow_masks.py
"""

import base64
import io
import json
import pathlib

import numpy
from PIL import Image, __version__

VALUES = numpy.array([[0, 1, 2, 255, 3], [2, 2, 0, 1, 255], [3, 0, 1, 2, 0]], numpy.uint8)
SMALL = numpy.where(VALUES == 255, 3, VALUES).astype(numpy.uint8)
# Two colours, again and again: only the index tells the classes apart.
COLOURS = [channel for index in range(256) for channel in ((9, 9, 9), (0, 0, 0))[index % 2]]


def palette(values: numpy.ndarray, colours: int) -> Image.Image:
    image = Image.fromarray(values)
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(COLOURS[: 3 * colours])
    return image


def mask(name: str, image: Image.Image, values: numpy.ndarray, **options: int) -> dict:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return {"name": name, "values": values.tolist(), "png": base64.b64encode(stream.getvalue()).decode()}


masks = [
    mask("palette of 8 bits", palette(VALUES, 256), VALUES),
    mask("palette of 8 bits with a transparent colour", palette(VALUES, 256), VALUES, transparency=0),
    mask("palette of 4 bits", palette(SMALL, 16), SMALL),
    mask("palette of 2 bits", palette(SMALL, 4), SMALL),
    mask("grey of 8 bits", Image.fromarray(VALUES), VALUES),
    mask("grey of 1 bit", Image.fromarray((SMALL % 2 * 255).astype(numpy.uint8)).convert("1"), SMALL % 2),
]
path = pathlib.Path(__file__).parent.parent / "fixtures" / "pillow-masks.json"
path.write_text(json.dumps({"pillow": __version__, "masks": masks}, indent=1) + "\n")
