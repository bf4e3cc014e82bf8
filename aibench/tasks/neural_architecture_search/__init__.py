"""ENAS of a recurrent cell on Penn Treebank's text, by shared weights and a controller (paper, 4.1.17; DC-AI-C17)."""
