"""Says where LibriSpeech can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="LibriSpeech",
    publisher="OpenSLR",
    address="https://www.openslr.org/12",
    licence="CC BY 4.0",
    size="60 GB",
    files={
        "train-clean-100.tar.gz": "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
        "train-clean-360.tar.gz": "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
        "train-other-500.tar.gz": "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
        "dev-clean.tar.gz": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
        "dev-other.tar.gz": "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
        "test-clean.tar.gz": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    },
    places=(Place("LibriSpeech/*/*.flac"), Place("LibriSpeech/*/*.trans.txt")),
    obstacle="LibriSpeech is in no package but for a few sentences, and its epochs take many hours of a GPU.",
)
