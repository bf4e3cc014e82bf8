"""Says where the chairs of ShapeNet can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="chairs of ShapeNet, as Yan et al. rendered them",
    publisher="ShapeNet; Yan et al.",
    address="https://shapenet.org; https://github.com/xcyan/nips16_PTN",
    licence="registration; non-commercial research",
    size="not known",
    files={"all_ids.tar.gz": None, "all_viewdata.tar.gz": None, "all_voxdata.tar.gz": None},
    places=(
        Place("shapenetcore_ids/*"),
        Place("shapenetcore_viewdata/*/imgs/*.jpg"),
        Place("shapenetcore_voxdata/*/model_32.mat"),
    ),
    obstacle="ShapeNet asks for a registration, and no package has the rendered chairs.",
)
