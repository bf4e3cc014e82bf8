"""`python train.py ...` is `aibench train ...`."""

from aibench.cli import train

if __name__ == "__main__":
    train()
