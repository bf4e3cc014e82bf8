"""Bounds what numbers and names a result can hold. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MOST_NUMBER = 1e100  # its square is finite; a perplexity that runs away comes nearer to it than anything measured
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Amount = Annotated[float, Field(ge=0, le=1e30)]
Number = Annotated[float, Field(ge=-MOST_NUMBER, le=MOST_NUMBER)]
Name = Annotated[str, Field(max_length=200)]

__all__ = ["MOST_NUMBER", "Amount", "Count", "Name", "Number"]
