"""The types of what `import aibench` offers; `__init__.py` imports each when it is first used."""

from aibench.api.loading import Loaded as Loaded
from aibench.api.loading import load as load
from aibench.api.reading import history as history
from aibench.api.reading import results as results
from aibench.api.running import Run as Run
from aibench.api.running import serve as serve
from aibench.api.running import train as train
from aibench.config import ConfigError as ConfigError
from aibench.results.inference import Inference as Inference
from aibench.results.result import Result as Result
from aibench.results.result import ResultError as ResultError

__version__: str
