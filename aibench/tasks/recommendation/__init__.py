"""Trains NeuMF, neural collaborative filtering, on MovieLens ratings (paper, 4.1.11; DC-AI-C10).

There is no model.py: MLPerf's NCF is characterised with the same network, which therefore stands in `nn/neumf.py`.
There is no figure.py: recommendations of both recommenders are drawn by `interactions/figure.py`.
"""
