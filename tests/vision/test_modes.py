"""Pictures of every mode come out in 8 bits as bright as they are, or are refused by name."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from aibench.config import DataError
from aibench.vision.files import decoded, read_image, read_values

GREYS = np.linspace(0, 255, 64 * 48).reshape(48, 64)  # of what is seen, whatever the bits
LEVELS = GREYS.round().astype(np.uint8)
DEEP = (GREYS / 255 * 65_535).round().astype(np.uint16)
COLOURS = np.stack([LEVELS, LEVELS[::-1], LEVELS[:, ::-1]], axis=2)
OPACITY = np.full_like(LEVELS, 200)


def png_of_16_bits(samples, colour):
    """A PNG file of 16 bits a channel, which Pillow cannot write; `colour` is PNG's number of the kind."""
    rows = samples.reshape(len(samples), -1).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    height, width = samples.shape[:2]
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)), (b"IDAT", zlib.compress(raw)))
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (*parts, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def deep_colours():
    return np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], axis=2)


def palette(alpha=None):
    image = Image.new("P", (64, 48))
    image.putdata(list(LEVELS.ravel()))
    image.putpalette([value for level in range(256) for value in (level, level, level)])
    return encoded(image) if alpha is None else encoded(image, transparency=alpha)


GREY, COLOUR = np.repeat(LEVELS[:, :, None], 3, axis=2), COLOURS
SEEN = {
    "L": (lambda: encoded(Image.fromarray(LEVELS)), GREY, 0),
    "1": (lambda: encoded(Image.fromarray(LEVELS > 127)), np.where(GREY > 127, 255, 0), 0),
    "LA": (lambda: encoded(Image.fromarray(np.stack([LEVELS, OPACITY], axis=2), "LA")), GREY, 0),
    "P": (palette, GREY, 0),
    "P with a clear colour": (lambda: palette(7), GREY, 0),
    "P with opacities": (lambda: palette(bytes(range(256))), GREY, 0),
    "RGB": (lambda: encoded(Image.fromarray(COLOURS)), COLOUR, 0),
    "RGBA": (lambda: encoded(Image.fromarray(np.concatenate([COLOURS, OPACITY[..., None]], axis=2))), COLOUR, 0),
    "CMYK": (lambda: encoded(Image.fromarray(COLOURS).convert("CMYK"), "TIFF"), COLOUR, 1),
    "CMYK JPEG": (lambda: encoded(Image.fromarray(GREY).convert("CMYK"), "JPEG", quality=100), GREY, 3),
    "YCbCr": (lambda: encoded(Image.fromarray(COLOURS).convert("YCbCr"), "TIFF"), COLOUR, 3),
    "16 bits of grey, PNG": (lambda: encoded(Image.fromarray(DEEP)), GREY, 0),
    "16 bits of grey, TIFF": (lambda: encoded(Image.fromarray(DEEP), "TIFF"), GREY, 0),
    "16 bits of grey, PGM": (lambda: encoded(Image.fromarray(DEEP), "PPM"), GREY, 0),
    "10 bits of grey, PGM": (
        lambda: b"P5 64 48 1023\n" + (GREYS / 255 * 1023).round().astype(">u2").tobytes(),
        GREY,
        1,
    ),
    "16 bits of grey and opacity": (lambda: png_of_16_bits(np.stack([DEEP, DEEP], axis=2), 4), GREY, 1),
    "16 bits of colour": (lambda: png_of_16_bits(deep_colours(), 2), COLOUR, 1),
    "16 bits of colour and opacity": (
        lambda: png_of_16_bits(np.concatenate([deep_colours(), DEEP[..., None]], axis=2), 6),
        COLOUR,
        1,
    ),
}


@pytest.mark.parametrize("kind", SEEN)
def test_a_picture_of_any_mode_is_as_bright_as_it_is(kind, tmp_path):
    make, expected, within = SEEN[kind]
    (tmp_path / "picture.png").write_bytes(make())
    picture = read_image(tmp_path / "picture.png")
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture).astype(int) - expected).max() <= within
    assert np.array_equal(np.asarray(decoded(make(), "a record")), np.asarray(picture))


@pytest.mark.parametrize(
    ("pixels", "what"), [(GREYS.astype(np.int32), "32-bit whole numbers"), (GREYS.astype(np.float32), "floating-point")]
)
def test_a_picture_that_does_not_say_what_is_white_is_refused_by_name(pixels, what, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "picture.tiff")
    with pytest.raises(
        DataError, match=rf"picture\.tiff: its pixels are {what}.*Save it with 8 or 16 bits\."
    ) as refused:
        read_image(tmp_path / "picture.tiff")
    assert "\n" not in str(refused.value)


def test_values_of_labels_are_taken_as_they_are_and_of_8_bits_alone(tmp_path):
    (tmp_path / "sound.png").write_bytes(encoded(Image.fromarray(LEVELS)))
    assert np.array_equal(read_values(tmp_path / "sound.png"), LEVELS)
    for name, content in (("deep", encoded(Image.fromarray(DEEP))), ("palette", palette()), ("cut", b"\x89PNG")):
        (tmp_path / f"{name}.png").write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}\.png: .*Restore this file\."):
            read_values(tmp_path / f"{name}.png")
